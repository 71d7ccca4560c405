"""The compiled look-up of operations beside the table that it is made of."""

import pytest

from agw._fastpath.operations import operation_of
from agw.a2a.operations import GRPC, GRPC_SERVICES, OPERATIONS, RPC, Operation


@pytest.mark.parametrize("method", RPC, ids=lambda each: each.name)
def test_every_method_of_json_rpc(method):
    assert operation_of("rpc", method.name) == (method.operation, method.task)


@pytest.mark.parametrize(
    "name", ["", "message", "message/sen", "message/send/", "Message/Send", "sendMessage", "tasks"]
)
def test_what_is_no_method_is_no_operation(name):
    assert operation_of("rpc", name) == (0, 0)


@pytest.mark.parametrize("service", GRPC_SERVICES)
@pytest.mark.parametrize("name", GRPC)
def test_every_method_of_grpc(service, name):
    assert operation_of("grpc", service + name)[0] == GRPC[name]
    assert operation_of("grpc", service + name + "/")[0] == 0
    assert operation_of("grpc", "/x" + service + name)[0] == 0


PATHS = [
    ("POST", "message:send", Operation.SEND_MESSAGE, ""),
    ("POST", "message%3Asend", Operation.SEND_MESSAGE, ""),
    ("POST", "message%3astream", Operation.SEND_STREAMING_MESSAGE, ""),
    ("GET", "message:send", Operation.NONE, ""),
    ("POST", "message:other", Operation.NONE, ""),
    ("POST", "amessage:send", Operation.NONE, ""),
    ("GET", "tasks", Operation.LIST_TASKS, ""),
    ("POST", "tasks", Operation.NONE, ""),
    ("GET", "tasks/a-b", Operation.GET_TASK, "a-b"),
    ("GET", "tasks/a%20b", Operation.GET_TASK, "a%20b"),
    ("GET", "tasks/a:b", Operation.GET_TASK, "a:b"),
    ("GET", "tasks/tasks", Operation.GET_TASK, "tasks"),
    ("GET", "tasks/~", Operation.GET_TASK, "~"),
    ("POST", "tasks/7:cancel", Operation.CANCEL_TASK, "7"),
    ("POST", "tasks/a:b:cancel", Operation.CANCEL_TASK, "a:b"),
    ("GET", "tasks/7:subscribe", Operation.SUBSCRIBE_TO_TASK, "7"),
    ("POST", "tasks/7:subscribe", Operation.SUBSCRIBE_TO_TASK, "7"),
    ("DELETE", "tasks/7", Operation.NONE, ""),
    ("POST", "tasks/7/pushNotificationConfigs", Operation.CREATE_TASK_PUSH_NOTIFICATION_CONFIG, "7"),
    ("GET", "tasks/7/pushNotificationConfigs", Operation.LIST_TASK_PUSH_NOTIFICATION_CONFIGS, "7"),
    ("GET", "tasks/7/pushNotificationConfigs/8", Operation.GET_TASK_PUSH_NOTIFICATION_CONFIG, "7"),
    ("DELETE", "tasks/7/pushNotificationConfigs/8", Operation.DELETE_TASK_PUSH_NOTIFICATION_CONFIG, "7"),
    ("DELETE", "tasks/7/pushNotificationConfigs/~", Operation.DELETE_TASK_PUSH_NOTIFICATION_CONFIG, "7"),
    ("PUT", "tasks/7/pushNotificationConfigs/8", Operation.NONE, ""),
    ("POST", "tasks/7:cancel:", Operation.NONE, ""),
    ("GET", ".well-known/agent-card.json", Operation.GET_AGENT_CARD, ""),
    ("GET", ".well-known/agent.json", Operation.GET_AGENT_CARD, ""),
    ("GET", "extendedAgentCard", Operation.GET_EXTENDED_AGENT_CARD, ""),
    ("GET", "agent/authenticatedExtendedCard", Operation.GET_EXTENDED_AGENT_CARD, ""),
    ("GET", "card", Operation.NONE, ""),
    ("POST", "", Operation.NONE, ""),
]


@pytest.mark.parametrize("before", ["/", "/v1/", "/tenant/", "/a/prefix/v1/"])
@pytest.mark.parametrize("after", ["", "/"])
@pytest.mark.parametrize(("method", "path", "operation", "task"), PATHS)
def test_every_form_of_a_path(before, after, method, path, operation, task):
    if path == "card" and before.endswith("/v1/"):
        operation = Operation.GET_EXTENDED_AGENT_CARD
    assert operation_of("rest", method, before + path + after) == (operation, task)


@pytest.mark.parametrize("path", [each for each in PATHS if each[2] and each[1] != "tasks/a:b" and "%" not in each[1]])
def test_a_path_as_it_is_written_is_plain(path):
    method, end, operation, _ = path
    assert operation_of("plain", method, f"/{end}") == (operation, True)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/tasks/7:CANCEL"),
        ("POST", "/Tasks/7:cancel"),
        ("POST", "/tasks/7:cancel%0A"),
        ("GET", "/tasks/7:subscribe%0A"),
        ("GET", "/tasks/7:Subscribe"),
        ("GET", "/tasks/7:other"),
        ("POST", "/tasks/7:cancel;x"),
        ("POST", "/tasks;x/7:cancel"),
        ("POST", "/message:send%0A"),
        ("POST", "/message:other"),
        ("POST", "/lf.a2a.v1.A2AService/CancelTask"),
        ("POST", "/a2a.v1.a2aservice/CancelTask"),
        ("GET", "/TASKS"),
        ("GET", "/V1/card"),
    ],
)
def test_a_path_that_others_read_otherwise_is_not(method, path):
    assert not operation_of("plain", method, path)[1]


def test_head_is_get():
    assert operation_of("rest", "HEAD", "/.well-known/agent-card.json")[0] == Operation.GET_AGENT_CARD
    assert operation_of("rest", "HEAD", "/tasks/7:subscribe")[0] == Operation.SUBSCRIBE_TO_TASK


def test_the_names_are_those_of_a2a_1_0():
    assert OPERATIONS[Operation.SUBSCRIBE_TO_TASK] == "SubscribeToTask"
    assert OPERATIONS[Operation.LIST_TASK_PUSH_NOTIFICATION_CONFIGS] == "ListTaskPushNotificationConfigs"
    assert OPERATIONS[0] == ""
