"""The full local stack, hurt at random under load, and a checker that reads afterwards what became of every lead."""
