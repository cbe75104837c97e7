/**
 * The used parts of the peers' packages. Their own declarations exist only if the bench is installed, and the
 * type check of the project must not depend on that.
 */
declare module 'bee-queue' {
  interface Job<T> {
    readonly data: T;
    setId(id: string): this;
    save(): Promise<this>;
  }
  interface Settings {
    redis?: string;
    isWorker?: boolean;
    getEvents?: boolean;
    sendEvents?: boolean;
    storeJobs?: boolean;
    removeOnSuccess?: boolean;
    removeOnFailure?: boolean;
  }
  export default class Queue<T, R> {
    constructor(name: string, settings: Settings);
    on(event: 'job succeeded', listener: (id: string, result: R) => void): this;
    on(event: 'job failed', listener: (id: string, error: Error) => void): this;
    ready(): Promise<this>;
    createJob(data: T): Job<T>;
    process(concurrency: number, handler: (job: Job<T>) => Promise<R>): void;
    checkStalledJobs(intervalMs: number): Promise<number>;
  }
}

declare module '@platformatic/job-queue' {
  interface Config {
    storage: Storage;
    workerId?: string;
    concurrency?: number;
    resultTTL?: number;
  }
  interface Storage {
    connect(): Promise<void>;
  }
  export const RedisStorage: new (config: { url: string }) => Storage;
  export class Reaper {
    constructor(config: {
      storage: Storage;
      visibilityTimeout: number;
      leaderElection: { enabled: boolean };
    });
    start(): Promise<void>;
  }
  export class Queue<T, R> {
    constructor(config: Config);
    start(): Promise<void>;
    execute(handler: (job: { readonly payload: T }) => Promise<R>): void;
    enqueueAndWait(id: string, payload: T, options: { timeout: number }): Promise<R>;
  }
}

declare module '@nats-io/transport-node' {
  interface Message {
    readonly data: Uint8Array;
  }
  export interface NatsConnection {
    subscribe(
      subject: string,
      options: { callback: (error: Error | null, message: Message) => void },
    ): unknown;
    publish(subject: string, data: Uint8Array): void;
  }
  export function connect(options: { servers: string; noAsyncTraces: boolean }): Promise<NatsConnection>;
}

declare module '@nats-io/jetstream' {
  import type { NatsConnection } from '@nats-io/transport-node';

  export const AckPolicy: { readonly Explicit: 'explicit' };
  export const RetentionPolicy: { readonly Workqueue: 'workqueue' };
  export const StorageType: { readonly File: 'file' };
  interface JsMessage {
    readonly data: Uint8Array;
    ack(): void;
  }
  interface Manager {
    readonly streams: {
      add(stream: {
        name: string;
        subjects: string[];
        retention: 'workqueue';
        storage: 'file';
      }): Promise<unknown>;
    };
    readonly consumers: {
      add(
        stream: string,
        consumer: { durable_name: string; ack_policy: 'explicit'; max_ack_pending: number },
      ): Promise<unknown>;
    };
  }
  interface Consumer {
    consume(options: { max_messages: number; callback: (message: JsMessage) => void }): Promise<unknown>;
  }
  interface Client {
    publish(subject: string, data: Uint8Array): Promise<unknown>;
    readonly consumers: { get(stream: string, durable: string): Promise<Consumer> };
  }
  export function jetstream(connection: NatsConnection): Client;
  export function jetstreamManager(connection: NatsConnection): Promise<Manager>;
}

declare module 'amqplib' {
  interface Message {
    readonly content: Buffer;
    readonly properties: { readonly replyTo: string; readonly correlationId: string };
  }
  interface PublishOptions {
    persistent?: boolean;
    correlationId: string;
    replyTo?: string;
  }
  interface Channel {
    assertQueue(name: string, options: { durable: boolean }): Promise<unknown>;
    prefetch(count: number): Promise<unknown>;
    consume(
      queue: string,
      listener: (message: Message | null) => void,
      options?: { noAck: boolean },
    ): Promise<unknown>;
    sendToQueue(queue: string, content: Buffer, options: PublishOptions): boolean;
    ack(message: Message): void;
  }
  export function connect(
    url: string,
    socket: { noDelay: boolean },
  ): Promise<{ createChannel(): Promise<Channel> }>;
}

declare module 'moleculer' {
  interface Options {
    nodeID: string;
    transporter: string;
    logger: boolean;
    serializer: string;
    registry: { strategy: string };
  }
  export class ServiceBroker {
    constructor(options: Options);
    start(): Promise<void>;
    createService(schema: {
      name: string;
      actions: Record<string, (context: { params: never }) => unknown>;
    }): unknown;
    call<R>(action: string, params: object): Promise<R>;
  }
}
