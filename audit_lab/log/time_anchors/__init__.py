"""What holds a log in time from outside its writer's reach.

`remembered` keeps the checkpoints that a user verified, `anchors` reads those and cosignatures, `timestamps` asks for
and checks RFC 3161 tokens, `anchoring` puts them into a log.
"""
