"""Sixteen questions in people's own words, and what a passage that answers holds: any of the words."""

QUESTIONS = [
    ("How is calibration measured?", ["PCOC", "predicted over"]),
    (
        "Why does every method predict less than half of what comes just before a sale?",
        ["fake negative", "early silence", "usual rate"],
    ),
    ("What happens to a label when the customer sends the thing back?", ["refund"]),
    ("My trainer cannot keep up with the traffic at midnight, can I model that?", ["capacity"]),
    ("How do I know that nothing peeks into the future?", ["audit"]),
    ("What is the difference between the two kinds of time on a sample?", ["visible_time", "event time"]),
    ("Which file do I edit to change the waiting time?", ["observation"]),
    ("Where do rows go that make no sense?", ["quarantine"]),
    ("What does 0 to 100 in the relative improvement mean?", ["RI-AUC", "oracle", "pre-trained"]),
    ("Can two seeds be put together into one interval?", ["compare", "replicates"]),
    ("Can I use my own loss?", ["objective"]),
    (
        "How much does it cost to estimate the delays instead of knowing them?",
        ['auxiliary = "oracle"', "true probabilities"],
    ),
    ("What does the dual network do with people who buy again?", ["router", "repurchase", "READER"]),
    ("Is it the same result if I stop and go on tomorrow?", ["resume"]),
    ("What do the published codes do differently from their papers?", ["fidelity"]),
    ("How can I make a world that looks like my shop?", ["fit"]),
]
