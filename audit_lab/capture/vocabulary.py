"""The words by which people name the columns of prediction logs."""

from __future__ import annotations


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


ID = _words("guid id identifier ids key no nr num number pk ref reference uuid")
#: Nouns of which one row is one prediction.
ITEM = _words(
    "application call case claim decision entry event inference invocation item loan log order pred prediction "
    "record row scoring transaction trip tx txn"
)
REQUEST = _words("correlation query req request rq session")
SUBJECT = _words(
    "account acct applicant borrower candidate cardholder client cust customer debtor device employee entity "
    "holder household member owner passenger patient person subject user"
)
TIME = _words("at date datetime day dt epoch moment time timestamp ts utc when")
#: Of the times in a log, those at which a prediction is made.
MADE = _words("created decided decision event inference occurred pred prediction request scored scoring timestamp")
#: Times of something else than the prediction.
OTHER_TIME = _words(
    "arrival birth born closed departure dob due end expired expires expiry feedback first hired ingest "
    "ingested ingestion label last loaded modified opened outcome processed recorded review start trained "
    "training truth updated valid"
)
MODEL = _words("algo algorithm classifier estimator mdl model predictor scorecard scorer")
VERSION = _words("build checkpoint release rev revision tag v ver version")
OTHER_VERSION = _words("api app application client firmware format library log os package python schema sdk software")
SCORE = _words("confidence likelihood pd prob proba probabilities probability probs propensity score scores")
PREDICTED = _words("pred predict predicted prediction preds yhat")
LABEL = _words("category class label")
DECISION = _words(
    "accepted action approval approve approved blocked decided decision declined denied disposition flagged "
    "granted recommendation rejected ruling verdict"
)
RESULT = _words("result status")
#: Words that decisions are made of.
VERDICTS = _words(
    "accept accepted allow allowed approve approved block blocked decline declined denied deny escalate fail "
    "flag flagged grant granted hold manual no ok pass refer referred refuse refused reject rejected review "
    "yes"
)
#: Of these, the words that outcomes and inputs are made of as well.
PLAIN_VERDICTS = _words("fail no ok pass yes")
OUTCOME = _words(
    "actual actuals churned defaulted groundtruth gt observed outcome realised realized target truth ytrue"
)
THRESHOLD = _words("cutoff thr thresh threshold")
LATENCY = _words("elapsed latency runtime took")
DURATION = _words("duration time")
DURATION_OF = _words("execution inference model processing request response scoring serving")
FEATURE = _words("f feat feats feature features in input inputs var x")
#: Words of what a serving platform adds to a row.
TECHNICAL = _words(
    "agent batch checksum container digest endpoint env environment file filename hash host hostname ingest "
    "ingested ip node offset partition pod sample sampling seq sequence shard span trace uri url useragent "
    "writer"
)
#: Words for a unit of time, and the unit.
UNITS = {
    word: unit
    for unit, words in {
        "s": "s sec secs second seconds",
        "ms": "ms msec millis milli millisecond milliseconds",
        "us": "us usec micros micro microsecond microseconds",
        "ns": "ns nsec nanos nano nanosecond nanoseconds",
    }.items()
    for word in words.split()
}
