"""The verbs that learn and judge: one file for each form of what is learnt."""
