"""Words that sample people, companies and accounts are named with. All of them are invented combinations."""

from __future__ import annotations

FIRST_NAMES: dict[str, tuple[str, ...]] = {
    "en": (
        "Amelia",
        "Oliver",
        "Grace",
        "Henry",
        "Chloe",
        "Jack",
        "Isla",
        "Noah",
        "Ruby",
        "Liam",
        "Zoe",
        "Ethan",
        "Maya",
        "Logan",
        "Hannah",
        "Caleb",
    ),
    "es": ("Ana", "Javier", "Lucía", "Diego", "Carmen", "Pablo", "Elena", "Mateo", "Rosa", "Álvaro", "Inés", "Raúl"),
    "de": ("Anna", "Lukas", "Marie", "Jonas", "Lena", "Felix", "Klara", "Moritz", "Greta", "Stefan", "Ute", "Jörg"),
    "fr": ("Camille", "Hugo", "Manon", "Théo", "Élodie", "Luc", "Chloé", "Antoine", "Margaux", "Rémi", "Inès", "Paul"),
    "it": ("Giulia", "Marco", "Chiara", "Luca", "Sara", "Matteo", "Elisa", "Paolo", "Marta", "Davide"),
    "pt": ("Beatriz", "Tiago", "Inês", "Rui", "Mariana", "João", "Sofia", "Nuno", "Leonor", "Duarte"),
    "nl": ("Sanne", "Daan", "Femke", "Bram", "Lotte", "Sven", "Noor", "Thijs", "Iris", "Ruben"),
    "sv": ("Elsa", "Oskar", "Freja", "Nils", "Astrid", "Gustav", "Maja", "Axel", "Ebba", "Viktor"),
    "no": ("Ingrid", "Lars", "Solveig", "Magnus", "Sigrid", "Eirik", "Nora", "Håkon"),
    "da": ("Freja", "Mikkel", "Karla", "Emil", "Signe", "Rasmus", "Laura", "Søren"),
    "fi": ("Aino", "Eero", "Helmi", "Onni", "Venla", "Ville", "Sanni", "Jukka"),
    "ja": ("Yui", "Haruto", "Sakura", "Ren", "Hina", "Sota", "Aoi", "Kenji"),
    "ko": ("Seo-yeon", "Min-jun", "Ji-woo", "Do-yun", "Ha-eun", "Ji-ho"),
    "hi": ("Aarav", "Priya", "Rohan", "Ananya", "Vikram", "Kavya", "Arjun", "Meera"),
}
"""By language (ISO 639-1)."""

LAST_NAMES: dict[str, tuple[str, ...]] = {
    "en": (
        "Turner",
        "Walsh",
        "Bennett",
        "Parker",
        "Hughes",
        "Foster",
        "Reid",
        "Coleman",
        "Murphy",
        "Hayes",
        "Brooks",
        "Sutton",
        "Doyle",
        "Marsh",
        "Osborne",
        "Whitaker",
    ),
    "es": ("Ruiz", "Navarro", "Ortega", "Vidal", "Romero", "Campos", "Herrera", "Molina", "Serrano", "Peña"),
    "de": ("Schuster", "Vogel", "Brandt", "Krüger", "Lehmann", "Winter", "Huber", "Steiner", "Graf", "Weiß"),
    "fr": ("Lambert", "Moreau", "Fontaine", "Girard", "Lefèvre", "Mercier", "Blanc", "Chevalier", "Roux", "Perrin"),
    "it": ("Ferri", "Conti", "Galli", "Rinaldi", "Marchetti", "Barbieri", "Sartori", "Longo"),
    "pt": ("Carvalho", "Teixeira", "Moura", "Rocha", "Pires", "Antunes", "Faria", "Leal"),
    "nl": ("Jansen", "de Wit", "van Dijk", "Mulder", "Bakker", "Smit", "Vos", "Dekker"),
    "sv": ("Lindqvist", "Ekström", "Bergman", "Sandberg", "Nyström", "Holm", "Wallin", "Åberg"),
    "no": ("Hansen", "Dahl", "Solberg", "Moen", "Lund", "Haugen", "Berg", "Strand"),
    "da": ("Kjær", "Holst", "Madsen", "Friis", "Winther", "Lassen", "Dam", "Krogh"),
    "fi": ("Virtanen", "Mäkinen", "Niemi", "Laine", "Salonen", "Heikkilä", "Koski", "Saari"),
    "ja": ("Tanaka", "Mori", "Ishikawa", "Ueda", "Hayashi", "Nakano", "Ogawa", "Fujita"),
    "ko": ("Kim", "Lee", "Park", "Choi", "Jung", "Han"),
    "hi": ("Sharma", "Iyer", "Kapoor", "Nair", "Reddy", "Mehta", "Joshi", "Bose"),
}
"""By language (ISO 639-1)."""

COMPANY_FIRST = (
    "Alder", "Amber", "Arbor", "Aspen", "Atlas", "Beacon", "Birch", "Boreal", "Bright", "Cedar", "Cobalt", "Copper",
    "Coral", "Crest", "Delta", "Drift", "Elm", "Ember", "Falcon", "Fern", "Flint", "Frost", "Glacier", "Granite",
    "Harbour", "Hazel", "Heron", "Indigo", "Iris", "Jade", "Juniper", "Keel", "Lark", "Linden", "Lumen", "Lynx",
    "Maple", "Meridian", "Mistral", "Nimbus", "North", "Oak", "Onyx", "Opal", "Orchid", "Osprey", "Pine", "Polar",
    "Quartz", "Raven", "Ridge", "River", "Rowan", "Sable", "Sage", "Slate", "Solar", "Spruce", "Sterling", "Summit",
    "Tern", "Thistle", "Timber", "Umber", "Vale", "Vega", "Violet", "Willow", "Wren", "Zephyr",
)  # fmt: skip
COMPANY_SECOND = (
    "bridge", "brook", "field", "forge", "gate", "grove", "haven", "hill", "lake", "land", "light", "line", "mark",
    "mill", "peak", "point", "port", "shore", "stone", "ton", "view", "ward", "way", "wood", "works", "yard",
)  # fmt: skip
COMPANY_TRADE: dict[str, tuple[str, ...]] = {
    "manufacturing": ("Machines", "Tools", "Castings", "Components"),
    "software": ("Software", "Data", "Systems", "Cloud"),
    "retail": ("Stores", "Trading", "Goods", "Outfitters"),
    "finance": ("Capital", "Insurance", "Finance", "Bank"),
    "healthcare": ("Health", "Clinics", "Medical", "Pharma"),
    "logistics": ("Logistics", "Freight", "Shipping", "Transport"),
    "education": ("Academy", "College", "Learning", "University"),
    "public_sector": ("Agency", "Council", "Institute", "Authority"),
}
"""By industry."""

ACCOUNT_FIRST = (
    "Aurelia", "Bastion", "Calder", "Dorian", "Everett", "Fairfax", "Galen", "Hadley", "Isidor", "Jarrow", "Kestrel",
    "Lorimer", "Montrose", "Nordal", "Orsay", "Pendle", "Quillan", "Rothay", "Selwyn", "Tarn", "Ulster", "Verity",
    "Wexford", "Yarrow", "Zander",
)  # fmt: skip
ACCOUNT_SECOND = (
    "& Sons", "Brothers", "Consolidated", "Dynamics", "Group", "Holdings", "Industries", "International", "Labs",
    "Partners", "Solutions", "Technologies", "United", "Ventures", "Works", "Worldwide",
)  # fmt: skip

MESSAGES = (
    "Please call me back about a demo.",
    "We compare three vendors and decide this quarter.",
    "How long does a roll-out take for a team of our size?",
    "We met at your stand and I would like the slides.",
    "Your customer recommended you to us.",
    "Send me prices, please.",
)
