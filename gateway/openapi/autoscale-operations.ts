import { admin, answer, problem, problems } from './answers.ts';
import type { Operation } from './answers.ts';
import { autoscale } from './autoscale-schemas.ts';

/** What the document says about autoscaling. */
export const autoscaleOperations = {
  show: {
    operationId: 'showAutoscale',
    summary: 'How autoscaling decides, and why',
    description: 'The leading controller decides every two seconds (`AUTOSCALE`).',
    tags: ['replicas'],
    security: admin,
    response: { 200: answer(autoscale, 'As it is now.'), ...problems },
  },
  change: {
    operationId: 'changeAutoscale',
    summary: 'Stop autoscaling, or let it go on',
    description: '`/add` and `/rm` stop it too. It goes on only when this is asked for.',
    tags: ['replicas'],
    security: admin,
    body: {
      type: 'object',
      properties: { enabled: { type: 'boolean' } },
      required: ['enabled'],
      examples: [{ enabled: true }],
    },
    response: {
      200: answer(autoscale, 'As it is from now on.'),
      ...problems,
      409: problem('The leading controller has no `AUTOSCALE`.'),
    },
  },
} as const satisfies Record<string, Operation>;
