"""Documents that answer questions: a bank's help pages, and what happens to a question they do not answer."""

from __future__ import annotations

from pathlib import Path

import metier

KNOWLEDGE = Path(__file__).parent / "bank" / "knowledge"

faq = metier.train(KNOWLEDGE, task="retrieve")
for question in ("what does a new card cost?", "when will my card come?", "what is the meaning of life?"):
    (found,) = faq.predict([question])
    print(f"{question} {found.label or f'none, {found.reason}'}")
