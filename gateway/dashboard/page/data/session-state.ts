import { computed, signal } from '@preact/signals';
import type { SessionView } from '#shared/contract/api/session.ts';

/** Null until the gateway has answered. */
export const session = signal<SessionView | null>(null);

/** Whether the person may change anything. */
export const mayChange = computed(() => session.value?.role === 'admin');
