import { standIn } from './stand-in.ts';

const Native = globalThis.Request;
const decoder = new TextDecoder();

/** What a {@link LightRequest} is made of. */
export interface PlainRequest {
  readonly method: string;
  /** As the URL Standard writes it. */
  readonly url: string;
  /** Names and values in turn. */
  readonly headers: readonly string[];
  /** Empty where there is none, or where a `Request` cannot have one. */
  readonly body: Uint8Array;
  /** Becomes the request's own; that of its clones is another one. */
  readonly signal: AbortSignal;
}

/**
 * A `Request` that becomes a native one when it is asked for more than its method, URL, headers and signal, or its body as
 * text, JSON or bytes.
 */
class LightRequest {
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

  /** They stay these; the native one gets what is in them whenever it is asked. */
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
    return body === undefined ? LightRequest.native(this).text() : decoder.decode(body);
  }

  async json(): Promise<unknown> {
    const body = this.#take();
    return body === undefined ? LightRequest.native(this).json() : JSON.parse(decoder.decode(body));
  }

  async bytes(): Promise<Uint8Array> {
    const body = this.#take();
    return body === undefined ? LightRequest.native(this).bytes() : new Uint8Array(body);
  }

  async arrayBuffer(): Promise<ArrayBuffer> {
    const body = this.#take();
    return body === undefined ? LightRequest.native(this).arrayBuffer() : new Uint8Array(body).buffer;
  }

  /** @returns the body; undefined where the native one must say what becomes of it. */
  #take(): Uint8Array | undefined {
    if (this.#native !== undefined || this.#bodyUsed) return undefined;
    const { body } = this.#plain;
    this.#bodyUsed = body.byteLength > 0;
    return body;
  }

  static native(this: void, light: unknown): Request {
    if (!(light instanceof LightRequest)) throw new TypeError('Illegal invocation');
    if (light.#native === undefined) light.#native = light.#make();
    else light.#bringHeaders(light.#native);
    return light.#native;
  }

  #make(): Request {
    const { method, url, body, signal } = this.#plain;
    // Request copies the bytes and takes them from any buffer; only its type asks for one that is not shared.
    const init = body.byteLength > 0 ? { method, body: body as Uint8Array<ArrayBuffer> } : { method };
    const native = new Native(url, init);
    this.#bringHeaders(native);
    // Read here, it is read there: it cannot be read twice.
    if (this.#bodyUsed) void native.bytes();
    // Given to the constructor it would be followed by a second one, which costs twice as much as all the rest of it.
    return Object.defineProperty(native, 'signal', { value: signal, enumerable: true });
  }

  #bringHeaders({ headers }: Request): void {
    const before = [...headers.keys()];
    for (const name of before) headers.delete(name);
    for (const [name, value] of this.headers) headers.append(name, value);
  }

  /** @returns the native one of a light one; anything else as it is. */
  static unwrap(this: void, value: unknown): unknown {
    return value !== null && typeof value === 'object' && #plain in value
      ? LightRequest.native(value)
      : value;
  }
}

standIn(LightRequest, Native, LightRequest.native);

/** @returns a `Request` that is light as long as nothing is asked of it that only a native one has. */
export function lightRequest(plain: PlainRequest): Request {
  return new LightRequest(plain) as unknown as Request;
}

/** Lets `new Request(request)` and `fetch(request)` know light ones: they look into a native one behind its members. */
export function acceptLightRequests(): void {
  if (globalThis.Request !== Native) return;
  const LightNative: typeof Request = new Proxy(Native, {
    construct(native, args: unknown[], newTarget) {
      const made = newTarget === LightNative ? native : newTarget;
      return Reflect.construct(native, args.map(LightRequest.unwrap), made) as Request;
    },
  });
  Object.defineProperty(Native.prototype, 'constructor', { value: LightNative });
  globalThis.Request = LightNative;
  globalThis.fetch = new Proxy(globalThis.fetch, {
    apply: (fetch, self, args: unknown[]) =>
      Reflect.apply(fetch, self, args.map(LightRequest.unwrap) as Parameters<typeof fetch>),
  });
}
