"""The program under test: asks a model, says each word as it comes, and looks the weather up when it is told to."""

import json
from collections.abc import Callable

import openai

TOOL = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    },
}


def ask(
    question: str,
    base_url: str,
    say: Callable[[str], object] = lambda piece: None,
    weather: Callable[[str], str] = lambda city: "sunny",
) -> str | None:
    """Asks a question and returns the answer; `say` gets its pieces, and ends the listening by False."""
    client = openai.OpenAI(base_url=base_url, api_key="test")
    messages: list = [{"role": "user", "content": question}]
    while True:
        with client.chat.completions.stream(
            model="gpt-4o-mini", messages=messages, tools=[TOOL]
        ) as stream:
            for event in stream:
                if event.type == "content.delta" and say(event.delta) is False:
                    return None
            message = stream.get_final_completion().choices[0].message
        if not message.tool_calls:
            return message.content
        messages.append(message.model_dump(exclude_none=True))
        for call in message.tool_calls:
            city = json.loads(call.function.arguments)["city"]
            messages.append({"role": "tool", "tool_call_id": call.id, "content": weather(city)})
