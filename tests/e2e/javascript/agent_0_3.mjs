// The agent of ../programs/agent_0_3.py on the official JavaScript SDK of protocol 0.3, in both of its HTTP bindings.

import { randomUUID } from 'node:crypto';
import {
  DefaultExecutionEventBusManager,
  DefaultRequestHandler,
  InMemoryPushNotificationStore,
  InMemoryTaskStore,
} from 'a2a-0.3/server';
import { UserBuilder, agentCardHandler, jsonRpcHandler, restHandler } from 'a2a-0.3/server/express';
import { Cancellations, EXTENSION, application, described, instruction, serve } from './sidecar.mjs';

class Hello {
  constructor(sidecar) {
    this.sidecar = sidecar;
    this.cancellations = new Cancellations();
  }

  async execute({ userMessage, taskId, contextId, context }, bus) {
    if (context?.requestedExtensions?.includes(EXTENSION)) context.addActivatedExtension(EXTENSION);
    const text = userMessage.parts.find((part) => part.kind === 'text')?.text ?? '';
    const [count, name] = instruction(text);
    if (!count) {
      bus.publish({ kind: 'message', role: 'agent', messageId: randomUUID(), contextId, parts: answer(userMessage) });
      bus.finished();
      return;
    }
    bus.publish({ kind: 'task', id: taskId, contextId, status: status('submitted'), history: [userMessage] });
    for (let number = 0; number <= count; number += 1) {
      if (!(await this.cancellations.goesOn(taskId, this.sidecar.acknowledged(name)))) return;
      if (number < count) {
        const artifact = { artifactId: String(number), parts: [{ kind: 'text', text: `event ${number}` }] };
        bus.publish({ kind: 'artifact-update', taskId, contextId, artifact });
      }
    }
    bus.publish({ kind: 'status-update', taskId, contextId, status: status('completed'), final: true });
    bus.finished();
  }

  async cancelTask(taskId, bus) {
    this.cancellations.cancel(taskId);
    bus.publish({ kind: 'status-update', taskId, contextId: '', status: status('canceled'), final: true });
    bus.finished();
  }
}

function status(state) {
  return { state, timestamp: new Date().toISOString() };
}

// Greets, or sends a file back with its digest.
function answer(message) {
  const file = message.parts.find((part) => part.kind === 'file');
  if (!file) return [{ kind: 'text', text: 'Hello World' }];
  return [{ kind: 'text', text: described(Buffer.from(file.file.bytes, 'base64')) }, file];
}

function makeCard(port) {
  const url = `http://127.0.0.1:${port}`;
  return {
    name: 'Hello World Agent',
    description: 'Just a hello world agent',
    protocolVersion: '0.3.0',
    url: `${url}/`,
    preferredTransport: 'JSONRPC',
    additionalInterfaces: [
      { transport: 'JSONRPC', url: `${url}/` },
      { transport: 'HTTP+JSON', url: `${url}/rest` },
      { transport: 'GRPC', url },
    ],
    version: '1.0.0',
    defaultInputModes: ['text'],
    defaultOutputModes: ['text'],
    capabilities: { streaming: true, pushNotifications: true, extensions: [{ uri: EXTENSION }] },
    supportsAuthenticatedExtendedCard: true,
    skills: [{ id: 'hello_world', name: 'Hello', description: 'says hello', tags: ['hello'] }],
  };
}

function makeApp(port, sidecar) {
  const card = makeCard(port);
  const more = { id: 'more', name: 'More', description: 'for those who are known', tags: ['hello'] };
  const requestHandler = new DefaultRequestHandler(
    card,
    new InMemoryTaskStore(),
    new Hello(sidecar),
    new DefaultExecutionEventBusManager(),
    new InMemoryPushNotificationStore(),
    { send: async () => {} },
    async () => ({ ...card, skills: [...card.skills, more] })
  );
  const served = { requestHandler, userBuilder: UserBuilder.noAuthentication };
  const app = application();
  app.use('/.well-known/agent-card.json', agentCardHandler({ agentCardProvider: requestHandler }));
  app.use('/rest', restHandler(served));
  app.use('/', jsonRpcHandler(served));
  return app;
}

serve(makeApp);
