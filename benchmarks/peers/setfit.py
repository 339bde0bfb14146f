"""SetFit: MiniLM fine-tuned on pairs of texts, then logistic regression.

By default SetFit draws pairs until every two texts have met, which is tens of millions of pairs here. Its documented
bounds are used: `num_iterations`, for each text so many pairs of one label and as many of two, and `max_steps`.
Fine-tuning also stops at a time limit, should the machine be slow; the settings line says how far it came.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from peers.base import MINILM, Peer, minilm_folder

ITERATIONS, BATCH, MAX_STEPS, LIMIT_S = 1, 16, 800, 900
HEAD = {"C": 10.0, "max_iter": 2000}  # the default, C=1, was 2.9 points worse on held-out training rows


class SetFit(Peer):
    """SetFit on the body all-MiniLM-L6-v2, with its default loss and kind of head."""

    name = "setfit"
    needs = ("setfit", "sentence-transformers", "torch", "transformers", "scikit-learn", MINILM)
    settings = f"all-MiniLM-L6-v2, num_iterations={ITERATIONS}, batch {BATCH}, head LogisticRegression C=10"

    def train(self, texts: list[str], labels: list[str], seed: int) -> None:
        from datasets import Dataset
        from setfit import SetFitModel, Trainer, TrainingArguments

        options = sorted(set(labels))
        self._model: Any = SetFitModel.from_pretrained(
            minilm_folder(), labels=options, head_params=HEAD, device="cpu", local_files_only=True
        )
        rows = Dataset.from_dict({"text": texts, "label": [options.index(label) for label in labels]})
        with tempfile.TemporaryDirectory() as scratch:
            limits = TrainingArguments(
                output_dir=scratch,
                batch_size=BATCH,
                num_iterations=ITERATIONS,
                max_steps=min(MAX_STEPS, 2 * ITERATIONS * len(texts) // BATCH),
                seed=seed,
                report_to="none",
                save_strategy="no",
                show_progress_bar=False,
            )
            stop = _stop_at_limit()
            Trainer(model=self._model, args=limits, train_dataset=rows, callbacks=[stop]).train()
        self.settings += f"; {stop.steps:,} of {stop.planned:,} steps taken, limit {LIMIT_S} s"

    def save(self, folder: Path) -> None:
        self._model.save_pretrained(folder)

    def load(self, folder: Path) -> None:
        from setfit import SetFitModel

        self._model = SetFitModel.from_pretrained(str(folder), device="cpu", local_files_only=True)

    def probabilities(self, texts: list[str]) -> tuple[list[str], NDArray[np.floating]]:
        answers = self._model.predict_proba(texts, as_numpy=True, show_progress_bar=False)
        return [self._model.labels[int(index)] for index in self._model.model_head.classes_], answers


def _stop_at_limit() -> Any:
    """Make the callback that ends fine-tuning at the limit and counts the steps."""
    from transformers import TrainerCallback

    class StopAtLimit(TrainerCallback):
        steps = planned = 0

        def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            self.planned, self._end = state.max_steps, time.monotonic() + LIMIT_S

        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            self.steps = state.global_step
            control.should_training_stop = control.should_training_stop or time.monotonic() > self._end

    return StopAtLimit()


PEER = SetFit
