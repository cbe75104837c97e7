/*
 * Dispatch and delivery: a request goes from its gateway through the queue of a replica to a worker, and its
 * answer comes back. Workers die and freeze anywhere; leases and fences decide who serves a queue.
 *
 * Queue 0 has two owners, of which the newer one replaces the other, and may be adopted by the worker that
 * serves queue 1. Each of them is started again if it has ended. A request goes to queue 0, or to queue 1 if
 * replica 0 has no worker by then, or was removed.
 */
#include "common.pml"

#ifndef REQUESTS
#define REQUESTS 1
#endif
#ifndef ROLLOUTS
#define ROLLOUTS 1
#endif
#ifndef KIND0
#define KIND0 unsafe
#endif
#ifndef KIND1
#define KIND1 safe
#endif

/* safe: may be repeated. unsafe: must not be. kept: safe, with a record that keeps its answer. */
mtype:kind = { safe, unsafe, kept }
mtype:kind kind[REQUESTS];

/* Redis, for each request. `taken` is BullMQ's count `ats`; `to` is the fence of the list of deliveries. */
mtype:place place[REQUESTS];
byte queue[REQUESTS], taken[REQUESTS], to[REQUESTS];
/* The fence of the worker whose claim is the lock of the job, 0 if the lock is another one. */
byte claim[REQUESTS];
mtype:outcome inbox[REQUESTS], record[REQUESTS];

/* Redis, for each queue. A lease says which session has it, 0 none. `consumer` is the registered fence. */
byte lease[2], fence[2], generation[2], consumer[2];
bool removed, forgotten;

/* Sessions: a worker serves a queue. The adopter is the process of the other replica's worker. */
#define OLD 1
#define NEW 2
#define ADOPTER 3
#define OTHER 4
byte processOf[5];
/* A process that has died is started again once nothing of it is left. */
bool dead[3];
byte parts[3], lastGeneration[2], standby, rollouts;
/* replica-lease.ts: the TTL counts from before the last renewal, and the clock runs on while a process is
 * frozen. */
bool certain[5];

/* What the properties are about. */
mtype:outcome told[REQUESTS];
byte begun[REQUESTS];
bool withdrawn[REQUESTS];

#define isThere(r, q) (queue[r] == q && (place[r] == in_active || place[r] == unread))
#if REQUESTS == 1
#define held(q) (queue[0] == q && place[0] != nowhere)
#else
#define held(q) ((queue[0] == q && place[0] != nowhere) || (queue[1] == q && place[1] != nowhere))
#endif

/* is_superseded: functions.lua, isSuperseded. */
#ifdef NO_FENCE_CHECK
#define isSuperseded(q, my) (false)
#else
#define isSuperseded(q, my) (fence[q] > my)
#endif

/* add-jobs.lua. A job is delivered directly if a consumer with the newest fence is registered. */
inline add_jobs(r, q) {
  queue[r] = q; taken[r] = 0; claim[r] = 0;
  if
  :: consumer[q] != 0 && kind[r] != unsafe && lease[q] != 0 && consumer[q] == fence[q] ->
    place[r] = unread; to[r] = consumer[q]; taken[r] = 1
#ifdef NO_SAFE_ONLY_DIRECT
  :: consumer[q] != 0 && lease[q] != 0 && consumer[q] == fence[q] ->
    place[r] = unread; to[r] = consumer[q]; taken[r] = 1
#endif
  /* No slot is free, or a job waits. */
  :: place[r] = in_wait
  fi
}

/* take-back.lua: `ok` if no worker has started the job. */
inline take_back(r, q, ok) {
  if
  :: queue[r] == q && (place[r] == in_wait || (place[r] == unread && consumer[q] == to[r])) ->
    place[r] = nowhere; ok = true
#ifdef NO_TAKE_BACK_CHECK
  :: queue[r] == q && place[r] == in_active -> place[r] = nowhere; ok = true
#endif
  :: else -> ok = false
  fi
}

inline push(r, what) {
  if
  :: kind[r] == kept -> if :: record[r] == untold -> record[r] = what :: else fi
  :: else -> if :: inbox[r] == untold -> inbox[r] = what :: else fi
  fi
}

/* waiters.ts, settle. The client gets the first answer. */
inline settle(r, what) {
  if
  :: told[r] == untold ->
    /* Without a fault, nobody learns that an outcome is unknown. */
    assert(what != unknown || faults > 0);
    assert(what != answered || begun[r] > 0);
    told[r] = what
  :: else
  fi
}

/* The ring, as a gateway sees it now. A replica without a worker leaves it after FAILOVER_MS. */
inline select_again(q) {
  if
  :: !removed -> q = 0
  :: removed || (lease[0] != OLD && lease[0] != NEW) -> q = 1
  fi
}

/* dispatcher.ts, lost-requests.ts, arrived-frames.ts: a gateway, for one request. */
proctype Gateway(byte r) {
  byte q; bool waits, ok, sentAgain;
again:
  ok = false;
#ifndef NO_WAITER_FIRST
  waits = true;
#endif
  atomic { add_jobs(r, q) }
#ifdef NO_WAITER_FIRST
  if
  :: atomic { inbox[r] != untold -> inbox[r] = untold }
  :: true
  fi;
  waits = true;
#endif
  do
  /* The inbox is read. */
  :: atomic { inbox[r] != untold -> settle(r, inbox[r]); inbox[r] = untold; waits = false; goto ended }
  /* The connection breaks on which a reply was read. */
  :: atomic { mayFail && inbox[r] != untold -> faults++; inbox[r] = untold }
  /* Somebody asks for the answer of a request that has a record. */
  :: atomic { kind[r] == kept && record[r] != untold -> settle(r, record[r]); goto ended }
#ifndef NO_LOST_CHECK
  /* lost-requests.ts, #missing: the job is gone. */
  :: atomic { kind[r] != kept && place[r] == nowhere } ->
    atomic {
      if
#ifndef NO_BARRIER
      /* caughtUp: a reply that is there is read first. */
      :: inbox[r] != untold -> settle(r, inbox[r]); inbox[r] = untold; goto ended
      :: inbox[r] == untold ->
#else
      :: true ->
#endif
        goto lost
      fi
    }
#endif
#ifndef NO_STRANDED_CHECK
  /* lost-requests.ts, #takeStranded: nobody serves the queue. */
  :: atomic { kind[r] != kept && forgotten && q == 0 && place[r] != nowhere && lease[0] == 0 ->
      take_back(r, q, ok);
      if
      :: ok -> q = 1; goto again
      :: inbox[r] == untold && !ok -> goto lost
      :: inbox[r] != untold && !ok -> skip
      fi
    }
#endif
#ifdef LEAVES
  /* The client leaves: dispatcher.ts, stopWaiting. */
  :: atomic { take_back(r, q, ok); withdrawn[r] = ok && !sentAgain; settle(r, left); goto ended }
#endif
  od;
lost:
  /* dispatcher.ts, handleLost. A worker may have the job that was there before. */
  atomic {
    sentAgain = true;
    if
#ifdef NO_REPEATABLE_CHECK
    :: true -> select_again(q); goto again
#else
    :: kind[r] == safe -> select_again(q); goto again
    :: kind[r] == unsafe -> settle(r, unknown)
#endif
    fi
  }
ended:
  skip
}

/* What a session knows of a job. `transit`: read from the deliveries, and not received. */
mtype:hold = { none, transit, first, repeat, running, ended, over }

/* reclaimer.ts, #reclaimOne: several calls, and the worker may freeze between them. */
inline reclaim_one(r) {
  atomic { counted = taken[r] };
  if
#ifndef NO_START_COUNT
  :: counted > 0 && kind[r] == unsafe ->
    /* push-replies.lua */
    atomic {
      if
      :: isSuperseded(q, my) -> goto superseded
      :: else -> assert(fence[q] == my); push(r, unknown)
      fi
    }
    /* moveToFailed */
    atomic { if :: isThere(r, q) -> place[r] = nowhere :: else fi }
  :: !(counted > 0 && kind[r] == unsafe) ->
#else
  :: true ->
#endif
#ifdef NO_CLAIM
    /* moveToWait of BullMQ, which takes any lock. */
    atomic { if :: isThere(r, q) -> place[r] = in_wait :: else fi }
#else
    /* claim-active.lua; suspects.pml has note-loss.lua. */
    atomic {
      if :: isSuperseded(q, my) -> goto superseded :: else fi;
      if :: isThere(r, q) -> claim[r] = my :: else fi
    };
    /* moveToWait: refused if a worker that came later has given the job another lock, or removed it. */
    atomic { if :: isThere(r, q) && claim[r] == my -> place[r] = in_wait; claim[r] = 0 :: else fi }
#endif
  fi
}

/* take-lease.lua */
inline take_lease() {
  fence[q]++; my = fence[q]; lease[q] = me; certain[me] = true;
  if :: process < 2 -> generation[q] = gen :: else fi;
  r = 0;
  do
  :: r < REQUESTS ->
    has[r] = none;
    if
    :: queue[r] == q && place[r] == unread && to[r] == consumer[q] && consumer[q] != 0 ->
      place[r] = in_active; taken[r] = 0
    :: else
    fi;
    r++
  :: else -> break
  od;
  r = 0;
  consumer[q] = 0;
  if :: standby == me -> standby = 0 :: else fi
}

#ifdef NO_LEASE_FREE_CHECK
#define isFree(q) (lease[q] != me)
#else
#define isFree(q) (lease[q] == 0)
#endif

/* Nothing is left to be watched. */
#if REQUESTS == 1
#define isQuiet (told[0] != untold && place[0] == nowhere)
#else
#define isQuiet (told[0] != untold && told[1] != untold && place[0] == nowhere && place[1] == nowhere)
#endif

/*
 * plan.ts: when a session may begin. An owner is started if there is none, or to replace the other one. The
 * other sessions begin when there is something for them.
 */
#define hasLeft(q) (lease[q] == 0 || processOf[lease[q]] != process)
/* An adopter takes a queue that is offered to it, and none whose own worker is on standby. */
#define mayTake (isFree(q) && (process < 2 || \
  (held(q) && (q == 1 || (!forgotten && standby == 0 && (removed || generation[0] > 0))))))
#define mayStart (!isQuiet && (!dead[process] || (parts[process] == 0 && hasLeft(0) && hasLeft(1))) && \
  ((process == 2 && mayTake) || \
  (process < 2 && !removed && standby == 0 && (lease[0] != OLD + NEW - me || rollouts < ROLLOUTS))))
/* The last tick: an owner is replaced, an adopter yields, a retired worker has an empty queue. */
#define mayLeave (q == 0 && ((standby != 0 && standby != me) || ((me == ADOPTER || removed) && !held(0))))

/* queue-session.ts: a worker serves a queue, under one lease. A worker that adopts has two of these. */
proctype Session(byte me; byte q) {
  byte process = processOf[me], my, gen, r, counted; mtype:hold has[REQUESTS]; bool stops;
start:
  atomic {
    mayStart ->
    dead[process] = false; parts[process]++;
    if
    :: process == 2 -> gen = 0
    :: process != 2 ->
      if :: lease[0] == OLD + NEW - me -> rollouts++ :: else fi;
      lastGeneration[q]++; gen = lastGeneration[q]; standby = me
    fi
  };
  {
    skip;
free:
    atomic {
      mayTake ->
#ifndef NO_GENERATION_CHECK
      if :: process < 2 && generation[q] > gen -> goto gone :: else fi;
#endif
      stops = false;
      take_lease()
    };
    /* reclaimer.ts, reclaimAll: before the first job is taken. */
    r = 0;
    do
    :: r < REQUESTS ->
#ifndef NO_RECLAIM
      if :: isThere(r, q) -> reclaim_one(r) :: else fi;
#endif
      r++
    :: else -> break
    od;
    do
#define R 0
#include "delivery-serve.pml"
#if REQUESTS > 1
#undef R
#define R 1
#include "delivery-serve.pml"
#endif
    /* tick.lua takes nothing, and registers the consumer. */
    :: atomic { !stops && !isQuiet && consumer[q] != my && !isSuperseded(q, my) -> consumer[q] = my }
    /* The last tick: the consumer is withdrawn. */
    :: atomic { !stops && mayLeave && fence[q] == my -> stops = true;
        if :: consumer[q] == my -> consumer[q] = 0 :: else fi }
    /* end-lease.lua, once nothing is held and no delivery is left. */
    :: atomic { stops && has[0] == none && has[REQUESTS - 1] == none &&
        !(isThere(0, q)) && !(isThere(REQUESTS - 1, q)) ->
        if :: lease[q] == me -> lease[q] = 0 :: else fi;
        certain[me] = false;
        if :: process < 2 -> goto gone :: else -> my = 0; goto free fi }
    /* lease-thread.ts: another worker has taken the lease. */
    :: atomic { fence[q] > my -> goto superseded }
    od;
superseded:
    /* An owner exits. An adopter only leaves the queue. */
    atomic { certain[me] = false; if :: process < 2 -> goto gone :: else -> my = 0; goto free fi };
gone:
    dead[process] = true
  } unless { dead[process] };
  /* The driver has seen that the process has ended. */
  atomic {
    if :: standby == me -> standby = 0 :: else fi;
    parts[process]--; certain[me] = false;
    my = 0; gen = 0; r = 0; counted = 0; stops = false; has[0] = none; has[REQUESTS - 1] = none;
    goto start
  }
}

inline expire(q) { faults++; certain[lease[q]] = false; lease[q] = 0 }

/* What happens at a time of its own choosing. */
active proctype World() {
  do
  /* The driver sees that a worker has ended, or its lease expires. */
  :: atomic { lease[0] != 0 && dead[processOf[lease[0]]] -> lease[0] = 0 }
  :: atomic { lease[1] != 0 && dead[processOf[lease[1]]] -> lease[1] = 0 }
#ifdef NO_CERTAIN_DEATH
  /* A controller ends the lease of a worker that still runs. */
  :: atomic { mayFail && lease[0] == OLD -> faults++; lease[0] = 0 }
#endif
#ifdef REMOVAL
  :: atomic { !removed && !isQuiet -> removed = true }
  :: atomic { removed && !forgotten && lease[0] == 0 && !held(0) -> forgotten = true }
#endif
  /* A worker is killed. */
  :: atomic { mayFail && !isQuiet && parts[0] > 0 && !dead[0] -> faults++; dead[0] = true }
  :: atomic { mayFail && !isQuiet && parts[1] > 0 && !dead[1] -> faults++; dead[1] = true }
  :: atomic { mayFail && !isQuiet && parts[2] > 0 && !dead[2] -> faults++; dead[2] = true }
  /* A worker is frozen, or cut off from Redis, for longer than LEASE_MS. */
  :: atomic { mayFail && !isQuiet && lease[0] != 0 && !dead[processOf[lease[0]]] -> expire(0) }
  :: atomic { mayFail && !isQuiet && lease[1] != 0 && !dead[processOf[lease[1]]] -> expire(1) }
  od
}

/* A job that the frozen worker of a removed replica has taken may be left, once its client was told. */
#define isDone(r) (told[r] != untold && (place[r] == nowhere || (forgotten && queue[r] == 0)))

/* Nothing more can happen. Then every client was told, and no job is left. */
active proctype End() {
  timeout -> assert(isDone(0) && isDone(REQUESTS - 1))
}

init {
  atomic {
    kind[0] = KIND0;
    place[0] = nowhere; inbox[0] = untold; record[0] = untold; told[0] = untold;
#if REQUESTS > 1
    kind[1] = KIND1;
    place[1] = nowhere; inbox[1] = untold; record[1] = untold; told[1] = untold;
#endif
    processOf[NEW] = 1; processOf[ADOPTER] = 2; processOf[OTHER] = 2;
    run Session(OLD, 0); run Session(NEW, 0); run Session(ADOPTER, 0); run Session(OTHER, 1);
    run Gateway(0);
#if REQUESTS > 1
    run Gateway(1)
#endif
  }
}
