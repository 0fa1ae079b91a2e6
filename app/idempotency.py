"""Idempotency: what is said of a key that another request was sent with."""


class KeyReusedError(Exception):
    """The idempotency key belongs to something that another request made; the message names it.

    Args:
        owner: What it is, such as "job 3".
    """

    def __init__(self, owner: str) -> None:
        super().__init__(f"the idempotency key belongs to {owner}, sent with another body; send a new key")
