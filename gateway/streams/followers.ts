import type { KnownRequest } from '#shared/store/records/request-records.ts';
import type { BytesFeed } from '#shared/store/streams/bytes-feed.ts';
import { keptStreamOf } from '#shared/store/streams/kept-stream-reader.ts';
import type { KeptStreamReader } from '#shared/store/streams/kept-stream-reader.ts';
import type { Watches } from '../records/watches.ts';
import { Follower } from './follower.ts';
import type { Following, FollowSink, Reading } from './follower.ts';

export interface FollowersOptions {
  readonly reader: Pick<KeptStreamReader, 'read'>;
  readonly feed: Pick<BytesFeed, 'listen'>;
  readonly watches: Pick<Watches, 'join'>;
}

/** The kept streams that clients of this gateway read, each with one follower for all its readers. */
export class Followers {
  readonly #options: FollowersOptions;
  readonly #followers = new Map<string, Follower>();

  constructor(options: FollowersOptions) {
    this.#options = options;
  }

  /** How many streams are followed. */
  get size(): number {
    return this.#followers.size;
  }

  /** How many readers follow them. */
  get readers(): number {
    return [...this.#followers.values()].reduce((sum, { size }) => sum + size, 0);
  }

  /**
   * Reads a kept stream, live until its end.
   * @param request its record has a stream, as it was a moment ago.
   * @param sink is not called before this has returned.
   * @throws {TypeError} if the record has no stream.
   */
  follow(request: KnownRequest, reading: Reading, sink: FollowSink): Following {
    const { id } = request;
    let follower = this.#followers.get(id);
    if (follower === undefined) {
      const stream = keptStreamOf(request);
      if (stream === undefined) throw new TypeError(`the answer of the request ${id} is no stream`);
      const { reader, feed, watches } = this.#options;
      follower = new Follower(request, stream, {
        reader,
        listen: (...args) => feed.listen(...args),
        join: (...args) => watches.join(...args),
        onOver: () => this.#followers.delete(id),
      });
      this.#followers.set(id, follower);
    }
    return follower.add(reading, sink);
  }
}
