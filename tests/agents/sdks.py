"""OpenAI's Agents SDK and LangChain at their defaults: turns, a tool loop, a denial. Prints what came back as JSON."""

import asyncio
import json
import sys

from agents import Agent, Runner, function_tool, set_default_openai_client, set_tracing_disabled
from langchain_core.messages import HumanMessage, ToolMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from openai import AsyncOpenAI, PermissionDeniedError

base = f"{sys.argv[1]}/v1"
facts = {}


async def agents_sdk():
    set_default_openai_client(AsyncOpenAI(base_url=base, api_key="demo-key", max_retries=0))
    set_tracing_disabled(True)
    asked = []

    @function_tool
    def get_weather(city: str) -> str:
        """The weather of a city"""
        asked.append(city)
        return f"sunny in {city}"

    agent = Agent(
        name="weather",
        model="gpt-4o-mini",
        instructions="Answer in a word.",
        tools=[get_weather],
    )
    first = await Runner.run(agent, "weather?")
    history = [*first.to_input_list(), {"role": "user", "content": "and tomorrow?"}]
    second = await Runner.run(agent, history)
    streamed = Runner.run_streamed(agent, "once more")
    kinds = {event.type async for event in streamed.stream_events()}
    facts["agents"] = {
        "answers": [first.final_output, second.final_output, streamed.final_output],
        "streamed": "raw_response_event" in kinds,
        "asked": len(asked),
    }
    set_default_openai_client(AsyncOpenAI(base_url=base, api_key="nobody", max_retries=0))
    try:
        await Runner.run(agent, "weather?")
    except PermissionDeniedError as error:
        facts["agents"]["denied"] = error.message


def langchain():
    @tool
    def get_weather(city: str) -> str:
        """The weather of a city"""
        return f"sunny in {city}"

    model = ChatOpenAI(
        model="gpt-4o-mini",
        base_url=base,
        api_key="demo-key",
        use_responses_api=True,
        max_retries=0,
    )
    one = HumanMessage("one")
    first = model.invoke([one])
    second = model.invoke([one, first, HumanMessage("two")])
    question = HumanMessage("weather?")
    with_tools = model.bind_tools([get_weather], tool_choice="get_weather")
    called = with_tools.invoke([question])
    call = called.tool_calls[0]
    result = ToolMessage("sunny", tool_call_id=call["id"])
    answered = model.invoke([question, called, result])
    facts["langchain"] = {
        "first": first.text,
        "second": second.text,
        "called": call["name"],
        "answered": answered.text,
        "streamed": "".join(piece.text for piece in model.stream("three")),
    }


asyncio.run(agents_sdk())
langchain()
print(json.dumps(facts))
