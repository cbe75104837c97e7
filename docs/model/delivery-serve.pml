/*
 * What a session may do next about request R: options of the loop in delivery.pml, which includes this file
 * once for each request.
 */
/* tick.lua takes a job, and registers the consumer. */
:: atomic { !stops && queue[R] == q && place[R] == in_wait ->
    if
    :: isSuperseded(q, my) -> goto superseded
    :: else
    fi;
    assert(fence[q] == my);
    place[R] = in_active; taken[R]++; claim[R] = 0; consumer[q] = my;
    if
    /* Redis gives out a job that this worker has already. One run serves both. */
#ifndef NO_HELD_CHECK
    :: has[R] != none
#else
    :: has[R] != none -> has[R] = repeat
#endif
    :: has[R] == none -> has[R] = (taken[R] > 1 -> repeat : first)
    /* The connection breaks on which the jobs come. */
    :: has[R] == none && mayFail -> faults++
    fi
  }
/* delivery-reader.ts: a blocking read, which checks no fence. */
:: atomic { queue[R] == q && place[R] == unread && to[R] == my && has[R] == none ->
    place[R] = in_active; has[R] = transit }
:: atomic { has[R] == transit -> has[R] = first }
:: atomic { has[R] == transit && mayFail -> faults++; has[R] = none }
/* runner.ts: the lease is certain, and job-answers.ts: redelivery.ts, decideOnTaken. */
:: atomic { (has[R] == first || has[R] == repeat) ->
#ifndef NO_LEASE_BEFORE_BEGIN
    if
    :: certain[me]
    /* makeCertain: renew-lease.lua */
    :: !certain[me] && fence[q] > my -> goto superseded
    :: !certain[me] && fence[q] == my -> lease[q] = me; certain[me] = true
    fi;
#endif
    if
#ifndef NO_TIMES_TAKEN
    :: kind[R] == unsafe && has[R] == repeat -> has[R] = over
#endif
    :: kind[R] == kept && record[R] != untold -> has[R] = ended
    :: else ->
      begun[R]++;
      /* An unsafe request runs once. */
      assert(kind[R] != unsafe || begun[R] == 1);
      /* Without a fault, any request runs once. */
      assert(faults > 0 || begun[R] == 1);
      /* Only who has the lease begins a request. */
      assert(fence[q] == my);
      /* What was taken back does not begin. */
      assert(!withdrawn[R]);
      has[R] = running
    fi
  }
/* request-settler.ts: settle-request.lua keeps the answer of a request that has a record. */
:: atomic { has[R] == running && kind[R] == kept ->
    if
    :: isSuperseded(q, my) -> goto superseded
    :: else
    fi;
    assert(fence[q] == my);
#ifdef NO_SETTLE_FIRST
    place[R] = (isThere(R, q) -> nowhere : place[R]);
#else
    push(R, answered);
#endif
    has[R] = ended }
/* tick.lua finishes a job, and pushes its reply. */
:: atomic { (has[R] == ended || has[R] == over || (has[R] == running && kind[R] != kept)) ->
    if
    :: isSuperseded(q, my) -> goto superseded
    :: else
    fi;
    assert(fence[q] == my);
    if
    :: has[R] == over -> push(R, unknown)
    :: has[R] == running -> push(R, answered)
#ifdef NO_SETTLE_FIRST
    :: has[R] == ended -> push(R, answered)
#endif
    :: else
    fi;
    if :: queue[R] == q && place[R] == in_active -> place[R] = nowhere :: else fi;
    has[R] = none }
#ifndef NO_SWEEP
/* orphan-sweep.ts: active, and this worker does not run it. */
:: atomic { queue[R] == q && place[R] == in_active && fence[q] == my && (has[R] == none
#ifdef NO_SEEN_TWICE
    || has[R] == transit
#endif
    ) } -> reclaim_one(R)
#endif
