/*
 * Records, keys and cancellation: two requests with one idempotency key arrive at two gateways, and a client
 * cancels one of them. Workers serve one queue, one job at a time; they die and freeze anywhere.
 */
#include "common.pml"

mtype:state = { absent, queued, runs, done, cancelled }

/* Redis. A claim says which request has the key: its number and 1, or 0. */
mtype:state state[2];
bool begunOnce[2], asked[2], released[2];
byte claim;
mtype:place place[2];
byte lock[2], lease, fence;

bool certain[2], dead[2];
/* What the properties are about: the session that runs a request, and its number of attempts. */
byte runner[2], begun[2];
bool told[2], ended[2];

#define isFinal(r) (state[r] == done || state[r] == cancelled)
#ifdef NO_FENCE_CHECK
#define isSuperseded (false)
#else
#define isSuperseded (fence > my)
#endif

/* functions.lua, noteInRecord: 0 noted, 1 ended, 2 to be cancelled. */
inline note(r, what, noted) {
  if
#ifndef NO_FINAL_CHECK
  :: isFinal(r) -> noted = 1
#endif
#ifndef NO_CANCEL_CHECK
  :: !isFinal(r) && asked[r] && what != cancelled -> noted = 2
#endif
  :: else -> noted = 0; state[r] = what
  fi
}

/* note-attempt.lua: the same by a worker. A superseded one notes nothing. */
#ifdef NO_NOTE_FENCE
#define note_fenced(r, what, noted) note(r, what, noted)
#else
#define note_fenced(r, what, noted) if :: fence > my -> goto gone :: else fi; note(r, what, noted)
#endif

/* end-unbegun.lua: whether a request has not begun, and never will. */
inline end_unbegun(r, ok) {
  if
#ifndef NO_BEGUN_CHECK
  :: begunOnce[r] || state[r] == runs || state[r] == done -> ok = false
#endif
  :: else -> ok = true; state[r] = cancelled; ended[r] = true
  fi
}

/* first-request.ts and accept.ts: a gateway, for request r. The other request may have the key. */
proctype Gateway(byte r) {
  byte other = 1 - r, noted; bool free; mtype:state seen; bool seenBegun, seenReleased;
  do
  /* claim-idempotency.lua */
  :: atomic { claim == 0 -> claim = r + 1; goto claimed }
  :: atomic { claim == r + 1 -> goto claimed }
  :: claim == other + 1 ->
    atomic { seen = state[other]; seenBegun = begunOnce[other]; seenReleased = released[other] };
    free = false;
    if
    :: seenReleased -> free = true
    :: !seenReleased && (seen == absent || (seen == cancelled && !seenBegun)) ->
      /* The gateway of the other request is dead or frozen, or the request has ended. */
#ifdef NO_END_UNBEGUN
      free = true
#else
      atomic { end_unbegun(other, free) }
#endif
    :: else -> told[r] = true; goto finished
    fi;
    if
    /* claim-idempotency.lua, with the claim that may be replaced. */
#ifdef NO_CLAIM_COMPARE
    :: free -> atomic { claim = r + 1; goto claimed }
#else
    :: free -> atomic { if :: claim == other + 1 -> claim = r + 1; goto claimed :: else fi }
#endif
    :: !free
    fi;
    seen = absent; seenBegun = false; seenReleased = false
  od;
claimed:
  /* async-requests.ts: the record is noted before the job is added. */
  atomic { note(r, queued, noted) };
  atomic {
    place[r] = in_wait;
    if :: noted == 0 -> told[r] = true; goto finished :: else fi
  };
  /* Accepted too late: the job is taken back. */
  atomic { if :: place[r] == in_wait -> place[r] = nowhere :: else fi; told[r] = true };
finished:
  skip
}

/* cancellation.ts */
proctype Canceller(byte r) {
  byte passes, noted;
  do
  :: passes < 2 ->
    passes++;
    /* cancel-request.lua */
    atomic {
      told[r] && claim == r + 1 ->
      if
      :: state[r] == queued ->
        state[r] = cancelled; ended[r] = true;
        /* What ends as cancelled is not being run. */
        assert(runner[r] == 0);
        goto finished
      :: state[r] == runs -> asked[r] = true
      :: else -> goto finished
      fi
    };
    /* take-back.lua, then note-request.lua */
    atomic { if :: place[r] == in_wait -> place[r] = nowhere :: else -> goto again fi };
    atomic { note(r, cancelled, noted); goto finished };
again:
    skip
  :: else -> break
  od;
finished:
  skip
}

/* A worker: sessions of one queue, one after the other. */
proctype Session(byte me) {
  byte my, r, noted; bool late;
start:
  {
    /* take-lease.lua */
    atomic { lease == 0 && (place[0] != nowhere || place[1] != nowhere) ->
      dead[me] = false; fence++; my = fence; lease = me + 1; certain[me] = true };
    /* reclaimer.ts */
    r = 0;
    do
    :: r < 2 ->
      if
      :: place[r] == in_active ->
        atomic { if :: place[r] == in_active -> place[r] = in_wait :: else fi };
        atomic { note_fenced(r, queued, noted) }
      :: else
      fi;
      r++
    :: else -> r = 0; break
    od;
    do
    /* tick.lua */
    :: atomic { place[0] == in_wait && !isSuperseded -> place[0] = in_active; lock[0] = my; r = 0; goto taken }
    :: atomic { place[1] == in_wait && !isSuperseded -> place[1] = in_active; lock[1] = my; r = 1; goto taken }
    :: atomic { fence > my -> goto gone }
    :: atomic { place[0] == nowhere && place[1] == nowhere && lease == me + 1 -> lease = 0; goto gone }
taken:
      /* run-notes.ts: noted before the request is started. */
#ifdef NO_RECORD_BEFORE_RUN
      noted = 0;
#else
      atomic { late = asked[r]; note_fenced(r, runs, noted); if :: noted == 0 -> begunOnce[r] = true :: else fi };
#endif
      if
      :: noted == 0 ->
        atomic {
#ifndef NO_LEASE_AFTER_NOTE
          /* job-answers.ts, #isOurs */
          if
          :: certain[me]
          :: !certain[me] && fence > my -> goto gone
          :: !certain[me] && fence == my -> lease = me + 1; certain[me] = true
          fi;
#endif
          /* A cancelled request never begins afterwards. */
          assert(!ended[r] && !late);
          /* One key, one request. */
          assert(begun[1 - r] == 0 || (released[1 - r] && runner[1 - r] == 0));
          /* One attempt at a time, but for one of a worker that has lost its lease. */
          assert(runner[r] == 0 && fence == my);
          begun[r]++; runner[r] = me + 1
        };
        if
        /* retries.ts: noted, then put back. */
        :: begun[r] < 2 ->
          atomic { if :: runner[r] == me + 1 -> runner[r] = 0 :: else fi; note_fenced(r, queued, noted) };
          if
          :: noted == 0 ->
            /* moveToDelayed checks the lock. */
#ifdef NO_LOCK_CHECK
            atomic { if :: place[r] == in_active -> place[r] = in_wait :: else fi };
#else
            atomic { if :: place[r] == in_active && lock[r] == my -> place[r] = in_wait :: else fi };
#endif
            goto next
          :: else
          fi
        :: true -> atomic { if :: runner[r] == me + 1 -> runner[r] = 0 :: else fi }
        fi
      :: else
      fi;
      /* settle-request.lua */
      atomic {
        if :: isSuperseded -> goto gone :: else fi;
        assert(fence == my);
        if
        :: !isFinal(r) ->
          if
          :: noted == 2 -> state[r] = cancelled
          :: noted != 2 -> state[r] = done
          /* The answer carries Ringpost-Release-Key. */
          :: noted == 0 -> state[r] = done; released[r] = true
          fi
        :: else
        fi
      };
      /* tick.lua */
      atomic {
        if :: isSuperseded -> goto gone :: else fi;
        if :: place[r] == in_active -> place[r] = nowhere :: else fi
      };
next:
      atomic { late = false; noted = 0; r = 0 }
    od;
gone:
    skip
  } unless { dead[me] };
  atomic {
    if :: runner[0] == me + 1 -> runner[0] = 0 :: else fi;
    if :: runner[1] == me + 1 -> runner[1] = 0 :: else fi;
    if :: lease == me + 1 -> lease = 0 :: else fi;
    certain[me] = false; dead[me] = false; my = 0; r = 0; noted = 0; late = false;
    goto start
  }
}

active proctype World() {
  do
  :: atomic { mayFail && lease != 0 && !dead[lease - 1] -> faults++; dead[lease - 1] = true }
  /* A worker is frozen for longer than LEASE_MS. What it runs is its own: only the newest lease counts. */
  :: atomic { mayFail && lease != 0 && !dead[lease - 1] ->
      faults++; certain[lease - 1] = false;
      if :: runner[0] == lease -> runner[0] = 0 :: else fi;
      if :: runner[1] == lease -> runner[1] = 0 :: else fi;
      lease = 0 }
  od
}

/* Nothing more can happen. Then both clients were told, and no job is left. */
active proctype End() {
  timeout -> assert(told[0] && told[1] && place[0] == nowhere && place[1] == nowhere)
}

init {
  atomic {
    state[0] = absent; state[1] = absent; place[0] = nowhere; place[1] = nowhere;
    run Gateway(0); run Gateway(1); run Canceller(0); run Session(0); run Session(1)
  }
}
