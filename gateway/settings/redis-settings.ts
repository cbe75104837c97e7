import { redisUrlPattern } from '#shared/process/redis-url.ts';

/** How the gateway and the controller use Redis, besides `REDIS_URL` and `NAMESPACE`. */
export const redisSettings = {
  INSTALL_REDIS: {
    type: 'string',
    enum: ['yes'],
    description:
      '`yes`: `npm start` may install a missing Redis with sudo or brew. As root it does so without ' +
      'this setting.',
  },
  WORKER_REDIS_URL: {
    type: 'string',
    pattern: redisUrlPattern,
    description:
      'Redis as the workers that the controller starts reach it, e.g. with a user of their own. Unset: ' +
      '`REDIS_URL`.',
  },
  QUEUE_EVENTS: {
    type: 'string',
    default: 'auto',
    enum: ['auto', 'on', 'off'],
    description:
      "When BullMQ's events of the queues are written. `auto`: while somebody reads them. `on`: always. " +
      '`off`: never. With `SLEEP_AFTER_S` they are always written. `docs/redis.md` has the details.',
  },
} as const;
