import { standIn } from './stand-in.ts';

const Native = globalThis.Request;
const decoder = new TextDecoder();

/** The parts of a {@link LazyRequest}. */
export interface PlainRequest {
  readonly method: string;
  /** As the URL Standard writes it. */
  readonly url: string;
  /** Alternating names and values. */
  readonly headers: readonly string[];
  /** Empty if there is none, or if a `Request` cannot have one. Nothing else uses its memory. */
  readonly body: Uint8Array;
  /** Becomes the request's own signal; its clones have another one. */
  readonly signal: AbortSignal;
}

/**
 * A `Request` that makes a native one only when it is asked for more than its method, URL, headers and
 * signal, or its body as text, JSON or bytes.
 */
class LazyRequest {
  readonly #plain: PlainRequest;
  #headers: Headers | undefined;
  #bodyUsed = false;
  #native: Request | undefined;

  constructor(plain: PlainRequest) {
    this.#plain = plain;
  }

  get method(): string {
    return this.#plain.method;
  }

  get url(): string {
    return this.#plain.url;
  }

  get signal(): AbortSignal {
    return this.#plain.signal;
  }

  /** Always the same object. Its entries are copied to the native request whenever that is asked. */
  get headers(): Headers {
    if (this.#headers === undefined) {
      this.#headers = new Headers();
      const { headers } = this.#plain;
      for (let at = 0; at + 1 < headers.length; at += 2) {
        this.#headers.append(headers[at] ?? '', headers[at + 1] ?? '');
      }
    }
    return this.#headers;
  }

  get bodyUsed(): boolean {
    return this.#native === undefined ? this.#bodyUsed : this.#native.bodyUsed;
  }

  async text(): Promise<string> {
    const body = this.#take();
    return body === undefined ? LazyRequest.native(this).text() : decoder.decode(body);
  }

  async json(): Promise<unknown> {
    const body = this.#take();
    return body === undefined ? LazyRequest.native(this).json() : JSON.parse(decoder.decode(body));
  }

  async bytes(): Promise<Uint8Array> {
    const body = this.#take();
    return body === undefined ? LazyRequest.native(this).bytes() : ownBytes(body);
  }

  async arrayBuffer(): Promise<ArrayBuffer> {
    const body = this.#take();
    return body === undefined ? LazyRequest.native(this).arrayBuffer() : ownBytes(body).buffer;
  }

  /** @returns the body; undefined if the native request has to decide what happens. */
  #take(): Uint8Array | undefined {
    if (this.#native !== undefined || this.#bodyUsed) return undefined;
    const { body } = this.#plain;
    this.#bodyUsed = body.byteLength > 0;
    return body;
  }

  static native(this: void, lazy: unknown): Request {
    if (!(lazy instanceof LazyRequest)) throw new TypeError('Illegal invocation');
    if (lazy.#native === undefined) lazy.#native = lazy.#make();
    else lazy.#copyHeaders(lazy.#native);
    return lazy.#native;
  }

  #make(): Request {
    const { method, url, signal } = this.#plain;
    // A body that was read here must count as read there too. Its bytes are the handler's now.
    const body = this.#bodyUsed ? Uint8Array.of(0) : this.#plain.body;
    // `Request` copies the bytes and takes any buffer; only its type asks for one that is not shared.
    const init = body.byteLength > 0 ? { method, body: body as Uint8Array<ArrayBuffer> } : { method };
    const native = new Native(url, init);
    this.#copyHeaders(native);
    if (this.#bodyUsed) void native.bytes();
    // The constructor would make a second signal that follows this one, which costs twice as much as all the
    // rest.
    return Object.defineProperty(native, 'signal', { value: signal, enumerable: true });
  }

  #copyHeaders({ headers }: Request): void {
    const before = [...headers.keys()];
    for (const name of before) headers.delete(name);
    for (const [name, value] of this.headers) headers.append(name, value);
  }

  /** @returns the native request of a lazy one; any other value as it is. */
  static unwrap(this: void, value: unknown): unknown {
    return value !== null && typeof value === 'object' && #plain in value ? LazyRequest.native(value) : value;
  }
}

/**
 * @returns the bytes in a buffer of their own. Nothing else uses the body of a request, so it is copied only
 * if it is a part of a larger buffer.
 */
function ownBytes(body: Uint8Array): Uint8Array<ArrayBuffer> {
  const { buffer } = body;
  const isAll = buffer instanceof ArrayBuffer && buffer.byteLength === body.byteLength && body.length > 0;
  return isAll ? new Uint8Array(buffer) : new Uint8Array(body);
}

standIn(LazyRequest, Native, LazyRequest.native);

/** @returns a `Request` that makes a native one when it is asked for something that only that has. */
export function lazyRequest(plain: PlainRequest): Request {
  return new LazyRequest(plain) as unknown as Request; // `standIn` has made it one
}

/** @returns the native request that a lazy one makes. */
export function nativeRequest(lazy: Request): Request {
  return LazyRequest.native(lazy);
}

/**
 * Makes `new Request(request)` and `fetch(request)` accept lazy ones. They read private fields of a native
 * one.
 */
export function acceptLazyRequests(): void {
  if (globalThis.Request !== Native) return;
  const LazyNative: typeof Request = new Proxy(Native, {
    construct(native, args: unknown[], newTarget) {
      const made = newTarget === LazyNative ? native : newTarget;
      // It makes what the native class makes.
      return Reflect.construct(native, args.map(LazyRequest.unwrap), made) as Request;
    },
  });
  Object.defineProperty(Native.prototype, 'constructor', { value: LazyNative });
  globalThis.Request = LazyNative;
  globalThis.fetch = new Proxy(globalThis.fetch, {
    // Only the requests among the arguments are replaced, by others.
    apply: (fetch, self, args: unknown[]) =>
      Reflect.apply(fetch, self, args.map(LazyRequest.unwrap) as Parameters<typeof fetch>),
  });
}
