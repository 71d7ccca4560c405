"""The operations of A2A, by each name that they have on the wire: one table of operations, bindings and versions.

    JSON-RPC     the envelope's `method`                       0.2 and 0.3: message/send    1.0: SendMessage
    HTTP+JSON    the HTTP method and the end of the path       0.2 and 0.3 below /v1        1.0 also below /{tenant}
    gRPC         /package.A2AService/Method                    0.2 and 0.3: a2a.v1          1.0: lf.a2a.v1

An operation is called by its name in A2A 1.0, whatever the request says: policies, metrics and logs know one name for it
(A2A 1.0 sections 5.3 and 9 to 11; A2A 0.3 section 3.5.6 for the older names).

Rules: a gateway neither picks nor refuses by version, so a table row only names what a request is. Numbers are a format:
request records carry them, so a new operation takes the next one.

Must not: import from agw, look at a request. The compiled twin that does is agw._fastpath.operations.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, StrEnum

__all__ = [
    "GRPC",
    "GRPC_SERVICES",
    "OPERATIONS",
    "REST",
    "RPC",
    "STREAMING",
    "IdPlace",
    "Operation",
    "RestCall",
    "RestForm",
    "RpcMethod",
]


class Operation(IntEnum):
    """What a request asks of an agent; the names are those of A2A 1.0."""

    NONE = 0  # not known
    GET_AGENT_CARD = 1  # the public card
    SEND_MESSAGE = 2
    SEND_STREAMING_MESSAGE = 3
    GET_TASK = 4
    LIST_TASKS = 5
    CANCEL_TASK = 6
    SUBSCRIBE_TO_TASK = 7
    CREATE_TASK_PUSH_NOTIFICATION_CONFIG = 8
    GET_TASK_PUSH_NOTIFICATION_CONFIG = 9
    LIST_TASK_PUSH_NOTIFICATION_CONFIGS = 10
    DELETE_TASK_PUSH_NOTIFICATION_CONFIG = 11
    GET_EXTENDED_AGENT_CARD = 12

    @property
    def title(self) -> str:
        """The name in policies, metrics and logs; empty for NONE."""
        return "" if self is Operation.NONE else self.name.title().replace("_", "")


OPERATIONS = tuple(each.title for each in Operation)
STREAMING = frozenset({Operation.SEND_STREAMING_MESSAGE, Operation.SUBSCRIBE_TO_TASK})


class IdPlace(IntEnum):
    """Where in the parameters the id of the task is."""

    NOWHERE = 0
    MESSAGE = 1  # message.taskId, and with it message.contextId and message.messageId
    ID = 2  # id
    TASK_ID = 3  # taskId


class RestForm(StrEnum):
    """The end of a path in the HTTP+JSON binding. {id}: a task, {config}: one of its push notification configurations."""

    MESSAGE = "message:{verb}"
    TASKS = "tasks"
    TASK = "tasks/{id}"
    TASK_VERB = "tasks/{id}:{verb}"
    CONFIGS = "tasks/{id}/pushNotificationConfigs"
    CONFIG = "tasks/{id}/pushNotificationConfigs/{config}"
    PLAIN = ""  # the whole of what `verb` says


@dataclass(frozen=True, slots=True)
class RpcMethod:
    """A method of the JSON-RPC binding."""

    name: str
    operation: Operation
    task: IdPlace = IdPlace.NOWHERE


RPC = (
    RpcMethod("message/send", Operation.SEND_MESSAGE, IdPlace.MESSAGE),
    RpcMethod("message/stream", Operation.SEND_STREAMING_MESSAGE, IdPlace.MESSAGE),
    RpcMethod("tasks/get", Operation.GET_TASK, IdPlace.ID),
    RpcMethod("tasks/list", Operation.LIST_TASKS),
    RpcMethod("tasks/cancel", Operation.CANCEL_TASK, IdPlace.ID),
    RpcMethod("tasks/resubscribe", Operation.SUBSCRIBE_TO_TASK, IdPlace.ID),
    RpcMethod("tasks/pushNotificationConfig/set", Operation.CREATE_TASK_PUSH_NOTIFICATION_CONFIG, IdPlace.TASK_ID),
    RpcMethod("tasks/pushNotificationConfig/get", Operation.GET_TASK_PUSH_NOTIFICATION_CONFIG, IdPlace.ID),
    RpcMethod("tasks/pushNotificationConfig/list", Operation.LIST_TASK_PUSH_NOTIFICATION_CONFIGS, IdPlace.ID),
    RpcMethod("tasks/pushNotificationConfig/delete", Operation.DELETE_TASK_PUSH_NOTIFICATION_CONFIG, IdPlace.ID),
    # The names of 0.2 before 0.2.2.
    RpcMethod("tasks/pushNotification/set", Operation.CREATE_TASK_PUSH_NOTIFICATION_CONFIG, IdPlace.ID),
    RpcMethod("tasks/pushNotification/get", Operation.GET_TASK_PUSH_NOTIFICATION_CONFIG, IdPlace.ID),
    RpcMethod("agent/getAuthenticatedExtendedCard", Operation.GET_EXTENDED_AGENT_CARD),
    RpcMethod("SendMessage", Operation.SEND_MESSAGE, IdPlace.MESSAGE),
    RpcMethod("SendStreamingMessage", Operation.SEND_STREAMING_MESSAGE, IdPlace.MESSAGE),
    RpcMethod("GetTask", Operation.GET_TASK, IdPlace.ID),
    RpcMethod("ListTasks", Operation.LIST_TASKS),
    RpcMethod("CancelTask", Operation.CANCEL_TASK, IdPlace.ID),
    RpcMethod("SubscribeToTask", Operation.SUBSCRIBE_TO_TASK, IdPlace.ID),
    RpcMethod("CreateTaskPushNotificationConfig", Operation.CREATE_TASK_PUSH_NOTIFICATION_CONFIG, IdPlace.TASK_ID),
    RpcMethod("GetTaskPushNotificationConfig", Operation.GET_TASK_PUSH_NOTIFICATION_CONFIG, IdPlace.TASK_ID),
    RpcMethod("ListTaskPushNotificationConfigs", Operation.LIST_TASK_PUSH_NOTIFICATION_CONFIGS, IdPlace.TASK_ID),
    RpcMethod("DeleteTaskPushNotificationConfig", Operation.DELETE_TASK_PUSH_NOTIFICATION_CONFIG, IdPlace.TASK_ID),
    RpcMethod("GetExtendedAgentCard", Operation.GET_EXTENDED_AGENT_CARD),
)


@dataclass(frozen=True, slots=True)
class RestCall:
    """A call of the HTTP+JSON binding."""

    method: str
    form: RestForm
    operation: Operation
    verb: str = ""  # what stands behind the colon; for PLAIN the end of the path itself


REST = (
    RestCall("POST", RestForm.MESSAGE, Operation.SEND_MESSAGE, "send"),
    RestCall("POST", RestForm.MESSAGE, Operation.SEND_STREAMING_MESSAGE, "stream"),
    RestCall("GET", RestForm.TASKS, Operation.LIST_TASKS),
    RestCall("GET", RestForm.TASK, Operation.GET_TASK),
    RestCall("POST", RestForm.TASK_VERB, Operation.CANCEL_TASK, "cancel"),
    # The text of the specification says POST, its protocol buffers GET; servers take either.
    RestCall("GET", RestForm.TASK_VERB, Operation.SUBSCRIBE_TO_TASK, "subscribe"),
    RestCall("POST", RestForm.TASK_VERB, Operation.SUBSCRIBE_TO_TASK, "subscribe"),
    RestCall("POST", RestForm.CONFIGS, Operation.CREATE_TASK_PUSH_NOTIFICATION_CONFIG),
    RestCall("GET", RestForm.CONFIGS, Operation.LIST_TASK_PUSH_NOTIFICATION_CONFIGS),
    RestCall("GET", RestForm.CONFIG, Operation.GET_TASK_PUSH_NOTIFICATION_CONFIG),
    RestCall("DELETE", RestForm.CONFIG, Operation.DELETE_TASK_PUSH_NOTIFICATION_CONFIG),
    RestCall("GET", RestForm.PLAIN, Operation.GET_AGENT_CARD, "/.well-known/agent-card.json"),
    RestCall("GET", RestForm.PLAIN, Operation.GET_AGENT_CARD, "/.well-known/agent.json"),
    RestCall("GET", RestForm.PLAIN, Operation.GET_EXTENDED_AGENT_CARD, "/extendedAgentCard"),
    RestCall("GET", RestForm.PLAIN, Operation.GET_EXTENDED_AGENT_CARD, "/v1/card"),
    RestCall("GET", RestForm.PLAIN, Operation.GET_EXTENDED_AGENT_CARD, "/agent/authenticatedExtendedCard"),
)

# Methods of the gRPC services, by their name behind the service's. Those of 0.3 that 1.0 calls otherwise are aliases.
GRPC_SERVICES = ("/lf.a2a.v1.A2AService/", "/a2a.v1.A2AService/")
GRPC = {
    **{each.title: each for each in Operation if each > Operation.GET_AGENT_CARD},
    "TaskSubscription": Operation.SUBSCRIBE_TO_TASK,
    "ListTask": Operation.LIST_TASKS,
    "ListTaskPushNotificationConfig": Operation.LIST_TASK_PUSH_NOTIFICATION_CONFIGS,
    "GetAgentCard": Operation.GET_EXTENDED_AGENT_CARD,  # 0.3: authenticated, so it is the extended one
}
