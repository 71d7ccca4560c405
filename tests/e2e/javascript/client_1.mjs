// A client on the official JavaScript SDK of protocol 1.0; it speaks 0.3 where the card says so.

import { randomUUID } from 'node:crypto';
import { Role, TaskState } from 'a2a-1';
import {
  ClientFactory,
  DefaultAgentCardResolver,
  JsonRpcTransportFactory,
  RestTransportFactory,
  ServiceParameters,
  createAuthenticatingFetchWithRetry,
  withA2AExtensions,
} from 'a2a-1/client';
import { EXTENSION, aFile, compared, serve } from './talk.mjs';

const tenant = '';
const legacyCompat = { enabled: true };

function part($case, value, mediaType = '') {
  return { content: { $case, value }, metadata: undefined, filename: '', mediaType };
}

function request(text, { raw, returnImmediately = false } = {}) {
  const parts = [part('text', text), ...(raw ? [part('raw', raw, 'application/octet-stream')] : [])];
  const ids = { messageId: randomUUID(), contextId: '', taskId: '', extensions: [], referenceTaskIds: [] };
  const message = { ...ids, role: Role.ROLE_USER, parts, metadata: undefined };
  const configuration = { acceptedOutputModes: [], taskPushNotificationConfig: undefined, returnImmediately };
  return { tenant, message, configuration, metadata: undefined };
}

function stateOf(status) {
  return TaskState[status.state].replace('TASK_STATE_', '').toLowerCase();
}

function textOf({ payload }) {
  if (payload.$case === 'message') return payload.value.parts.map((each) => each.content.value).join(' ');
  if (payload.$case === 'artifactUpdate') return payload.value.artifact.parts[0].content.value;
  return payload.$case === 'statusUpdate' ? stateOf(payload.value.status) : payload.$case;
}

// The state of a task and what it has made.
function summary(task) {
  const made = task.artifacts.flatMap((artifact) => artifact.parts.map((each) => each.content.value));
  return [stateOf(task.status), ...made].join(': ');
}

function shown(card) {
  const interfaces = card.supportedInterfaces.map((each) => [each.protocolBinding, each.url]);
  return { interfaces, skills: card.skills.map((skill) => skill.id) };
}

// The steps, each as this SDK has it.
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

  async say(text) {
    const answer = await this.client.sendMessage(request(text), this.options);
    return [answer.parts.map((each) => each.content.value).join(' ')];
  }

  async work(count, name) {
    await this.talk.acknowledge(name, count + 1);
    return [summary(await this.client.sendMessage(request(`count ${count} ${name}`), this.options))];
  }

  async stream(count, name) {
    return this.#heard(this.client.sendMessageStream(request(`count ${count} ${name}`), this.options), name);
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
    const [text, file] = (await this.client.sendMessage(request('a file', { raw: data }), this.options)).parts;
    return compared(data, said, Buffer.from(file.content.value), text.content.value);
  }

  async start(count, name) {
    const asked = request(`count ${count} ${name}`, { returnImmediately: true });
    this.started = await this.client.sendMessage(asked, this.options);
    this.name = name;
    return summary(this.started);
  }

  async get() {
    return summary(await this.client.getTask({ tenant, id: this.started.id }, this.options));
  }

  async list() {
    const of = { tenant, contextId: this.started.contextId, status: TaskState.TASK_STATE_UNSPECIFIED };
    const asked = { ...of, pageToken: '', statusTimestampAfter: undefined };
    return (await this.client.listTasks(asked, this.options)).tasks.map(summary);
  }

  async missing() {
    return summary(await this.client.getTask({ tenant, id: 'no-such-task' }, this.options));
  }

  async cancel() {
    return summary(await this.client.cancelTask({ tenant, id: this.started.id, metadata: undefined }, this.options));
  }

  async subscribe() {
    this.talk.acknowledgeAtHead(this.name);
    return this.#heard(this.client.resubscribeTask({ tenant, id: this.started.id }, this.options), this.name);
  }

  async set_push(url) {
    const asked = { tenant, id: 'config', taskId: this.started.id, url, token: 'token', authentication: undefined };
    return (await this.client.createTaskPushNotificationConfig(asked, this.options)).url;
  }

  async get_push() {
    const asked = { tenant, taskId: this.started.id, id: 'config' };
    return (await this.client.getTaskPushNotificationConfig(asked, this.options)).url;
  }

  async list_push() {
    const asked = { tenant, taskId: this.started.id, pageSize: 0, pageToken: '' };
    return (await this.client.listTaskPushNotificationConfig(asked, this.options)).configs.map((config) => config.url);
  }

  async delete_push() {
    const asked = { tenant, taskId: this.started.id, id: 'config' };
    await this.client.deleteTaskPushNotificationConfig(asked, this.options);
    return 'deleted';
  }
}

async function converse(talk) {
  const { forCard, forCalls } = talk.fetches(createAuthenticatingFetchWithRetry);
  const cardResolver = new DefaultAgentCardResolver({ fetchImpl: forCard, legacyCompat });
  const card = await cardResolver.resolve(talk.job.url);
  const Factory = talk.job.binding === 'JSONRPC' ? JsonRpcTransportFactory : RestTransportFactory;
  const factory = new ClientFactory({ transports: [new Factory({ fetchImpl: forCalls, legacyCompat })], cardResolver });
  await talk.have(new Conversation(talk, await factory.createFromAgentCard(card), card));
}

await serve(converse);
