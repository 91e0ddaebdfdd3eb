"""An agent that takes a card payment."""

from hookflash import Agent, function_tool
from hookflash.errors import ToolError
from hookflash.tasks import CardCaptureDeclinedError, GetCreditCardResult, GetCreditCardTask

VAULT: dict[str, str] = {}
CHARGED: list[str] = []


async def store(card: GetCreditCardResult) -> str:
    """Stand for the payment provider's tokeniser."""
    if card.card_number is None:
        raise ToolError("there is no card")
    token = f"tok_{len(VAULT)}"
    VAULT[token] = card.card_number.reveal()
    return token


class Till(Agent):
    def __init__(self) -> None:
        super().__init__("You take payments for a dental practice.")

    @function_tool
    async def pay(self) -> str:
        """Take the caller's card and charge it."""
        try:
            card = await GetCreditCardTask()
        except CardCaptureDeclinedError as exc:
            return f"The caller will not pay by card: {exc.reason}. Offer an invoice."
        if card.card_number is None or card.security_code is None:
            return "The card is not complete."
        CHARGED.append(card.card_number.reveal())
        return f"Charged the {card.issuer} card ending in {card.last_four}."


class Subscriptions(Agent):
    def __init__(self) -> None:
        super().__init__("You renew subscriptions.")

    @function_tool
    async def renew(self) -> str:
        """Take a card for the next year."""
        card = await GetCreditCardTask(tokenise=store)
        return f"Renewed with {card.token}."
