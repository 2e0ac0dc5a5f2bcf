"""The model is a mock: told what to answer, asked what it saw."""

from ask import ask


def test_the_answer_comes_in_pieces(llmgate_upstream):
    llmgate_upstream.reply("It is sunny.", last_message="/weather/i", stream=True)
    pieces = []
    assert ask("Weather?", llmgate_upstream.base_url, pieces.append) == "It is sunny."
    assert pieces[-3:] == ["It", " is", " sunny."]


def test_a_refused_request_is_asked_again(llmgate_upstream):
    llmgate_upstream.answers([{"error": {"status": 429, "retry_after": 0}}, {"reply": "At last."}])
    assert ask("Hello", llmgate_upstream.base_url) == "At last."
    llmgate_upstream.assert_asked(2)


def test_a_tool_is_called_and_the_model_hears_what_it_said(llmgate_upstream):
    call = {"name": "get_weather", "arguments": {"city": "Paris"}}
    llmgate_upstream.reply({"tool_calls": [call]}, tool_result=False)
    llmgate_upstream.reply("Take your sunglasses.", tool_result="/sunny/")
    assert ask("Weather?", llmgate_upstream.base_url) == "Take your sunglasses."
    _, second = llmgate_upstream.assert_asked(2)
    assert second.body["messages"][-1]["content"] == "sunny"


def test_who_stops_listening_cancels_the_request(llmgate_upstream):
    llmgate_upstream.reply({"text": "one two three", "pace": "ttft=0,itl=60000"})
    assert ask("Count", llmgate_upstream.base_url, lambda piece: False) is None
    llmgate_upstream.assert_cancelled()
