"""A form that an agent fills in with its caller, question by question."""

from hookflash import Agent, function_tool
from hookflash.errors import ToolError
from hookflash.tasks import DtmfMenu, GetDtmfTask, TaskCompletedEvent, TaskGroup


class Survey(Agent):
    def __init__(self) -> None:
        super().__init__("You ask the patients of a dental practice how their visit was.")
        self.answered: list[str] = []

    async def on_answer(self, event: TaskCompletedEvent) -> None:
        self.answered.append(event.task_id)

    @function_tool
    async def ask(self) -> str:
        """Ask the caller how their visit was."""
        group = TaskGroup(on_task_completed=self.on_answer)
        group.add(
            lambda: DtmfMenu({"1": "good", "2": "fair", "3": "poor"}),
            id="visit",
            description="Asks how the visit was",
        )
        group.add(
            lambda: GetDtmfTask(1, prompt="From 1 to 9, will you come again? Key one digit."),
            id="again",
            description="Asks whether the caller will come again",
        )
        results = (await group).task_results
        return f"The visit was {results['visit']}, coming again {results['again'].digits} of 9."


class Order(Agent):
    def __init__(self) -> None:
        super().__init__("You take orders for a wholesaler.")

    @function_tool
    async def take_order(self) -> str:
        """Take an order."""
        group = TaskGroup(return_exceptions=True)
        group.add(
            lambda: GetDtmfTask(4, prompt="Please key in the 4 digits of the article."),
            id="article",
            description="Gets the article's number",
        )
        group.add(
            lambda: GetDtmfTask(maximum=3, prompt="How many? Please key in the number."),
            id="quantity",
            description="Gets how many packs are wanted",
            depends_on=["article"],
        )
        results = (await group).task_results
        missing = [name for name, result in results.items() if isinstance(result, ToolError)]
        return f"Could not get: {', '.join(missing)}" if missing else "The order is complete."
