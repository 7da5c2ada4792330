"""What every context of a sales organisation needs: working time, the words of a mail, and sending it."""
