// The same agent on the official JavaScript SDK of protocol 1.0; with --compat it speaks 0.3 on the same URLs.

import { randomUUID } from 'node:crypto';
import { Role, TaskState } from 'a2a-1';
import {
  AgentEvent,
  DefaultExecutionEventBusManager,
  DefaultRequestHandler,
  InMemoryPushNotificationStore,
  InMemoryTaskStore,
} from 'a2a-1/server';
import { UserBuilder, agentCardHandler, jsonRpcHandler, restHandler } from 'a2a-1/server/express';
import { Cancellations, EXTENSION, application, described, instruction, serve } from './sidecar.mjs';

class Hello {
  constructor(sidecar) {
    this.sidecar = sidecar;
    this.cancellations = new Cancellations();
  }

  async execute({ userMessage, taskId, contextId, context }, bus) {
    if (context?.requestedExtensions?.includes(EXTENSION)) context.addActivatedExtension(EXTENSION);
    const text = userMessage.parts.find((part) => part.content?.$case === 'text')?.content.value ?? '';
    const [count, name] = instruction(text);
    if (!count) {
      bus.publish(AgentEvent.message(message(contextId, answer(userMessage))));
      return;
    }
    bus.publish(
      AgentEvent.task({
        id: taskId,
        contextId,
        status: status(TaskState.TASK_STATE_SUBMITTED),
        artifacts: [],
        history: [userMessage],
        metadata: undefined,
      })
    );
    for (let number = 0; number <= count; number += 1) {
      if (!(await this.cancellations.goesOn(taskId, this.sidecar.acknowledged(name)))) return;
      if (number < count) {
        const update = { taskId, contextId, append: false, lastChunk: true, metadata: undefined };
        bus.publish(AgentEvent.artifactUpdate({ ...update, artifact: artifact(number) }));
      }
    }
    this.#end(taskId, contextId, TaskState.TASK_STATE_COMPLETED, bus);
  }

  async cancelTask(taskId, bus) {
    this.#end(taskId, '', TaskState.TASK_STATE_CANCELED, bus);
    this.cancellations.cancel(taskId);
  }

  #end(taskId, contextId, state, bus) {
    bus.publish(AgentEvent.statusUpdate({ taskId, contextId, status: status(state), metadata: undefined }));
  }
}

function status(state) {
  return { state, message: undefined, timestamp: new Date().toISOString() };
}

function message(contextId, parts) {
  const ids = { messageId: randomUUID(), contextId, taskId: '' };
  return { ...ids, role: Role.ROLE_AGENT, parts, metadata: undefined, extensions: [], referenceTaskIds: [] };
}

function artifact(number) {
  const parts = [part(`event ${number}`)];
  return { artifactId: String(number), name: '', description: '', parts, metadata: undefined, extensions: [] };
}

function part(text) {
  return { content: { $case: 'text', value: text }, metadata: undefined, filename: '', mediaType: '' };
}

// Greets, or sends a file back with its digest.
function answer(message) {
  const file = message.parts.find((each) => each.content?.$case === 'raw');
  return file ? [part(described(file.content.value)), file] : [part('Hello World')];
}

function makeCard(port, compat) {
  const url = `http://127.0.0.1:${port}`;
  const places = { JSONRPC: `${url}/`, 'HTTP+JSON': `${url}/rest`, GRPC: `127.0.0.1:${port}` };
  return {
    name: 'Hello World Agent',
    description: 'Just a hello world agent',
    supportedInterfaces: (compat ? ['1.0', '0.3'] : ['1.0']).flatMap((protocolVersion) =>
      Object.entries(places).map(([binding, place]) => ({
        url: place,
        protocolBinding: binding,
        protocolVersion,
        tenant: '',
      }))
    ),
    provider: undefined,
    version: '1.0.0',
    capabilities: {
      streaming: true,
      pushNotifications: true,
      extendedAgentCard: true,
      extensions: [{ uri: EXTENSION, description: '', required: false, params: undefined }],
    },
    securitySchemes: {},
    securityRequirements: [],
    defaultInputModes: ['text'],
    defaultOutputModes: ['text'],
    skills: [skill('hello_world', 'Hello', 'says hello')],
    signatures: [],
  };
}

function skill(id, name, description) {
  const modes = { inputModes: [], outputModes: [] };
  return { id, name, description, tags: ['hello'], examples: [], ...modes, securityRequirements: [] };
}

function makeApp(port, sidecar) {
  const legacyCompat = { enabled: process.argv.includes('--compat') };
  const card = makeCard(port, legacyCompat.enabled);
  const requestHandler = new DefaultRequestHandler(
    card,
    new InMemoryTaskStore(),
    new Hello(sidecar),
    new DefaultExecutionEventBusManager(),
    new InMemoryPushNotificationStore(),
    { send: async () => {} },
    async () => ({ ...card, skills: [...card.skills, skill('more', 'More', 'for those who are known')] })
  );
  const served = { requestHandler, userBuilder: UserBuilder.noAuthentication, legacyCompat };
  const app = application();
  app.use('/.well-known/agent-card.json', agentCardHandler({ agentCardProvider: requestHandler, legacyCompat }));
  app.use('/rest', restHandler(served));
  app.use('/', jsonRpcHandler(served));
  return app;
}

serve(makeApp);
