// A client on the official JavaScript SDK of protocol 0.3.

import { randomUUID } from 'node:crypto';
import {
  ClientFactory,
  DefaultAgentCardResolver,
  JsonRpcTransportFactory,
  RestTransportFactory,
  ServiceParameters,
  createAuthenticatingFetchWithRetry,
  withA2AExtensions,
} from 'a2a-0.3/client';
import { EXTENSION, aFile, compared, serve } from './talk.mjs';

function request(...parts) {
  return { message: { kind: 'message', messageId: randomUUID(), role: 'user', parts } };
}

function text(value) {
  return { kind: 'text', text: value };
}

function textOf(event) {
  if (event.kind === 'message') return event.parts.map((part) => part.text).join(' ');
  if (event.kind === 'artifact-update') return event.artifact.parts[0].text;
  return event.kind === 'status-update' ? event.status.state : event.kind;
}

// The state of a task and what it has made.
function summary(task) {
  const made = (task.artifacts ?? []).flatMap((artifact) => artifact.parts.map((part) => part.text));
  return [task.status.state, ...made].join(': ');
}

function shown(card) {
  const additional = (card.additionalInterfaces ?? []).map((each) => [each.transport, each.url]);
  const interfaces = [[card.preferredTransport, card.url], ...additional];
  return { interfaces, skills: card.skills.map((skill) => skill.id) };
}

// The steps, each as this SDK has it; it has no lists of tasks.
class Conversation {
  constructor(talk, client, card) {
    Object.assign(this, { talk, client, agentCard: card, started: null, name: '' });
    this.options = { serviceParameters: ServiceParameters.create(withA2AExtensions(EXTENSION)) };
  }

  async card() {
    return shown(this.agentCard);
  }

  async extended() {
    return shown(await this.client.getAgentCard(this.options));
  }

  async say(words) {
    return [textOf(await this.client.sendMessage(request(text(words)), this.options))];
  }

  async work(count, name) {
    await this.talk.acknowledge(name, count + 1);
    return [summary(await this.client.sendMessage(request(text(`count ${count} ${name}`)), this.options))];
  }

  async stream(count, name) {
    return this.#heard(this.client.sendMessageStream(request(text(`count ${count} ${name}`)), this.options), name);
  }

  async #heard(events, name) {
    const texts = [];
    try {
      for await (const event of events) {
        texts.push(textOf(event));
        await this.talk.acknowledge(name);
      }
    } catch (error) {
      await this.talk.acknowledge(name, 9); // an SDK that fails leaves the stream open: let the agent end it
      throw error;
    }
    return texts;
  }

  async file(size) {
    const [data, said] = aFile(size);
    const part = { kind: 'file', file: { bytes: data.toString('base64'), mimeType: 'application/octet-stream' } };
    const answer = await this.client.sendMessage(request(text('a file'), part), this.options);
    const [words, file] = answer.parts;
    return compared(data, said, Buffer.from(file.file.bytes, 'base64'), words.text);
  }

  async start(count, name) {
    const asked = { ...request(text(`count ${count} ${name}`)), configuration: { blocking: false } };
    this.started = await this.client.sendMessage(asked, this.options);
    this.name = name;
    return summary(this.started);
  }

  async get() {
    return summary(await this.client.getTask({ id: this.started.id }, this.options));
  }

  async missing() {
    return summary(await this.client.getTask({ id: 'no-such-task' }, this.options));
  }

  async cancel() {
    return summary(await this.client.cancelTask({ id: this.started.id }, this.options));
  }

  async subscribe() {
    this.talk.acknowledgeAtHead(this.name);
    return this.#heard(this.client.resubscribeTask({ id: this.started.id }, this.options), this.name);
  }

  async set_push(url) {
    const asked = { taskId: this.started.id, pushNotificationConfig: { id: 'config', url, token: 'token' } };
    return (await this.client.setTaskPushNotificationConfig(asked, this.options)).pushNotificationConfig.url;
  }

  async get_push() {
    const asked = { id: this.started.id, pushNotificationConfigId: 'config' };
    return (await this.client.getTaskPushNotificationConfig(asked, this.options)).pushNotificationConfig.url;
  }

  async list_push() {
    const listed = await this.client.listTaskPushNotificationConfig({ id: this.started.id }, this.options);
    return listed.map((config) => config.pushNotificationConfig.url);
  }

  async delete_push() {
    const asked = { id: this.started.id, pushNotificationConfigId: 'config' };
    await this.client.deleteTaskPushNotificationConfig(asked, this.options);
    return 'deleted';
  }
}

async function converse(talk) {
  const { forCard, forCalls } = talk.fetches(createAuthenticatingFetchWithRetry);
  const card = await new DefaultAgentCardResolver({ fetchImpl: forCard }).resolve(talk.job.url);
  const Factory = talk.job.binding === 'JSONRPC' ? JsonRpcTransportFactory : RestTransportFactory;
  const factory = new ClientFactory({ transports: [new Factory({ fetchImpl: forCalls })] });
  await talk.have(new Conversation(talk, await factory.createFromAgentCard(card), card));
}

await serve(converse);
