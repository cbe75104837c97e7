/*
 * Direct delivery of requests that must not run twice (ADR 0070).
 *
 *   spin -a direct-delivery.pml && cc -O2 -DSAFETY -DNOREDUCE -o pan pan.c && ./pan -E -m100000
 *
 * This searches all states in seconds and finds no error. With one of these guards removed it finds one. The
 * runner does both; by hand, put the name behind `spin -a`, as `spin -a -DNOTE_AFTER_CHECK …`:
 *
 *   NOTE_AFTER_BEGIN  the note is written after the handler was called
 *   NOTE_AFTER_CHECK  the lease is checked before the note is written, not after it
 *   NO_CHECK          a request begins without a check of the lease
 *   NO_FENCE          a renewal does not notice that another worker has taken the lease
 *   UNFENCED_RECLAIM  a worker reclaims a job although another one has taken the lease
 *   CUT_AT_END        a note is removed when the handler has answered, not when the job has left Redis
 *   ANY_HOST          a worker on another host takes a file that it cannot see for an empty one
 *   NO_SWEEP          nobody looks for jobs whose delivery was lost with a connection
 *
 * There are one request and three workers of one replica, two of them on the same host. Requests do not
 * depend on each other, so one is enough. A worker may be frozen between any two of its steps, since a
 * process of this model may always be delayed. Those named A and B may be killed. C is the one that is always
 * started again. Workers that adopt a queue are no different.
 */

#define FENCES 7

/* Where Redis has a job. */
#define NOWHERE 0   /* not added yet */
#define WAITS 1     /* in the queue */
#define UNREAD 2    /* active, and in the list of deliveries of `lock` */
#define ACTIVE 3    /* active: the worker `lock` has taken or read it */
#define DONE 4      /* finished with its answer */
#define UNKNOWN 5   /* ended with `outcome_unknown` */
#define BACK 6      /* taken back by its gateway */

byte place;
byte lock;              /* the fence of the worker that the job was given to */
byte runs;              /* how often the handler was called */

byte lease = 0;         /* the fence of its holder; 0: nobody */
byte fence = 0;         /* the newest one */
bool certain[FENCES];   /* whether the holder may still believe that it has the lease */
byte host[FENCES];
bool file[FENCES];      /* whether that worker's file exists */
bool noted[FENCES];     /* whether the request is in it */

bool unread;            /* of an active job: the worker had not read it when it lost the lease */

bool dead[4];
byte expiries = 2;      /* leases that expire although their holders live */

#define settled (place == DONE || place == UNKNOWN || place == BACK)

/* Adds the request, and may take it back if it was not read. */
proctype Gateway() {
  atomic {
    if
    :: lease != 0 && lease == fence -> place = UNREAD; lock = fence
    :: place = WAITS
    fi
  }
  if
  :: atomic { (place == WAITS || place == UNREAD) -> place = BACK; assert(runs == 0) }
  :: skip
  fi
}

/* A lease is lost in Redis only after its holder can no longer believe in it. */
proctype Time() {
  end: do
  :: atomic { lease != 0 && certain[lease] && expiries > 0 -> expiries--; certain[lease] = false }
  :: atomic { lease != 0 && (!certain[lease] || dead[host[lease]]) -> certain[lease] = false; lease = 0 }
  od
}

proctype Reaper() {
  if :: dead[1] = true :: skip fi;
  if :: dead[2] = true :: skip fi
}

/* A and B (1 and 2) are on one host, C (3) is on another one. */
#define sameHost(f, who) (host[f] == who || (host[f] < 3 && who < 3))

/*
 * Decides on a job that an earlier worker held, and acts in a later step: Redis does that only if the caller
 * still has the lease, and the job's lock is as it was.
 */
inline reclaim() {
  if
  :: atomic { place == ACTIVE && lock != me ->
      seen = lock;
#ifdef ANY_HOST
      again = unread || !(sameHost(seen, who) && noted[seen])
#else
      again = unread || (sameHost(seen, who) && file[seen] && !noted[seen])
#endif
    }
    atomic {
      if
#ifdef UNFENCED_RECLAIM
      :: place == ACTIVE -> place = (again -> WAITS : UNKNOWN); unread = false
#else
      :: fence == me && place == ACTIVE && lock == seen ->
        place = (again -> WAITS : UNKNOWN); unread = false
#endif
      :: else
      fi;
      again = false; seen = 0
    }
  :: else
  fi
}

inline begin() {
  atomic { runs++; assert(runs == 1); assert(place != BACK) }
}

/* Leads to `left` if another worker has taken the lease. */
inline check() {
  if
  :: certain[me]
  :: atomic { !certain[me] ->
#ifdef NO_FENCE
      certain[me] = true; lease = me
#else
      if
      :: fence == me -> certain[me] = true; lease = me
      :: else -> goto left
      fi
#endif
    }
  fi
}

proctype Worker(byte who) provided (!dead[who]) {
  byte me, seen;
  bool again;
start:
  atomic {
    lease == 0 && fence < FENCES - 1 &&
      !settled ->
    fence++; me = fence; lease = me; certain[me] = true; host[me] = who; file[me] = true;
    if :: place == UNREAD -> place = ACTIVE; unread = true :: else fi
  }
  reclaim();
  /* The files of the workers before are removed once nothing depends on them. */
  atomic {
    for (seen : 1 .. me - 1) { if :: sameHost(seen, who) -> file[seen] = false :: else fi }
    seen = 0
  }
serve:
  do
  :: atomic { fence != me -> goto left }
  :: atomic { settled -> goto end_all }
  :: atomic { fence == me && place == UNREAD && lock == me -> place = ACTIVE }; break
  :: atomic { fence == me && place == WAITS -> place = ACTIVE; lock = me }; break
#ifndef NO_SWEEP
  /* It runs nothing now. What is active with its lock was lost on the way. */
  :: atomic { fence == me && place == ACTIVE && lock == me -> place = UNKNOWN }
#endif
  od;
  if
  :: goto serve /* The delivery is lost with its connection. */
  :: skip
  fi;
#ifdef NOTE_AFTER_BEGIN
  check();
  begin();
  noted[me] = true;
#else
#ifdef NOTE_AFTER_CHECK
  check();
  noted[me] = true;
#else
  noted[me] = true;
#ifndef NO_CHECK
  check();
#endif
#endif
  begin();
#endif
#ifdef CUT_AT_END
  noted[me] = false;
#endif
  /* The answer and the end of the job are one step, under the fence. */
  atomic {
    if
    :: fence == me -> place = DONE
    :: else -> goto left
    fi
  }
  noted[me] = false;
  goto serve;
left:
  if
  :: who == 3 -> goto start
  :: else
  fi;
end_all: skip
}

/* Once nothing can happen any more, the request must have come to an end. */
proctype Monitor() {
  timeout -> assert(settled)
}

init {
  atomic {
    run Gateway(); run Time(); run Reaper(); run Monitor();
    run Worker(1); run Worker(2); run Worker(3)
  }
}
