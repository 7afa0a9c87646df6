"""A small service that scores loans, and answers only what its recorder has on the disk."""

from __future__ import annotations

import os

import numpy as np
import uvicorn
import xgboost
from fastapi import FastAPI

import audit_lab as al

CITIES = os.environ["SERVICE_CITIES"].split(",")
THRESHOLD = float(os.environ["SERVICE_THRESHOLD"])
FEATURES = ["income", "city", "years"]

app = FastAPI()
booster = xgboost.Booster(model_file=os.environ["SERVICE_MODEL"])
recorder = al.Recorder(
    os.environ["SERVICE_LOG"],
    model="loans",
    version="1",
    features={"income": "Float64", "city": "String", "years": "Int64"},
    environment="production",
    threshold=THRESHOLD,
    vault=os.environ["SERVICE_VAULT"],
    seal_s=0.2,
)


@app.post("/score")
async def score(loan: dict[str, float | str]) -> dict[str, str | float]:
    """Score one loan; the rule for newcomers comes before the threshold."""
    row = [float(loan["income"]), CITIES.index(str(loan["city"])), float(loan["years"])]
    matrix = xgboost.DMatrix(np.array([row], dtype=np.float32), feature_names=FEATURES)
    value = float(booster.predict(matrix)[0])
    label = "bad" if value >= THRESHOLD else "good"
    ruled = loan["years"] < 2
    decision = "deny" if ruled or label == "bad" else "approve"
    ticket = recorder.record(
        {"income": float(loan["income"]), "city": loan["city"], "years": int(loan["years"])},
        {"score": value, "label": label},
        decision=decision,
        decision_rule="newcomer" if ruled else "threshold",
    )
    await ticket
    return {"prediction_id": ticket.prediction_id, "score": value, "decision": decision}


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(os.environ["SERVICE_PORT"]), log_level="warning")
