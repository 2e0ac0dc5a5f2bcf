"""What the Python clients of Anthropic, Google and Azure read: dialects.py URL. Prints it as JSON."""

import json
import sys

import anthropic
import openai
from google import genai
from google.genai import errors, types

url = sys.argv[1]
schema = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}


def read_anthropic():
    client = anthropic.Anthropic(base_url=url, api_key="demo-key", max_retries=0)
    ask = {
        "model": "mock-small",
        "max_tokens": 200,
        "messages": [{"role": "user", "content": "Hi from Python"}],
    }
    whole = client.messages.create(**ask)
    with client.messages.stream(**ask) as stream:
        streamed = "".join(stream.text_stream)
    tools = [{"name": "get_weather", "input_schema": schema}]
    calling = client.messages.create(**ask, tools=tools)
    call = next(block for block in calling.content if block.type == "tool_use")
    try:
        client.messages.create(**{**ask, "model": "nobody"})
        error = None
    except anthropic.APIStatusError as refused:
        error = [type(refused).__name__, refused.status_code]
    return {
        "text": whole.content[0].text,
        "streamed": streamed,
        "call": [call.name, call.input, calling.stop_reason],
        "error": error,
    }


def read_gemini():
    client = genai.Client(api_key="demo-key", http_options={"base_url": url})
    ask = {"model": "mock-small", "contents": "Hi from Python"}
    whole = client.models.generate_content(**ask)
    pieces = [piece.text or "" for piece in client.models.generate_content_stream(**ask)]
    declared = {"name": "get_weather", "parameters_json_schema": schema}
    config = types.GenerateContentConfig(tools=[{"function_declarations": [declared]}])
    call = client.models.generate_content(**ask, config=config).function_calls[0]
    try:
        client.models.generate_content(**{**ask, "model": "nobody"})
        error = None
    except errors.APIError as refused:
        error = [refused.code, refused.status]
    return {
        "text": whole.text,
        "streamed": "".join(pieces),
        "call": [call.name, call.args],
        "error": error,
    }


def read_azure():
    client = openai.AzureOpenAI(
        azure_endpoint=url, api_key="demo-key", api_version="2024-10-21", max_retries=0
    )
    ask = {"model": "mock-small", "messages": [{"role": "user", "content": "Hi from Python"}]}
    whole = client.chat.completions.create(**ask)
    pieces = [
        chunk.choices[0].delta.content or ""
        for chunk in client.chat.completions.create(**ask, stream=True)
        if chunk.choices
    ]
    return {"text": whole.choices[0].message.content, "streamed": "".join(pieces)}


print(json.dumps({"anthropic": read_anthropic(), "gemini": read_gemini(), "azure": read_azure()}))
