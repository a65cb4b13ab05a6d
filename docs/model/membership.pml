/* How the members of a broken ring bring it to its end: commit token, recovery, installation; and the
 * attempts that fail on the way and are begun anew, any number of times. Small enough to be looked at
 * in full: three processors, two messages. README.md says how this corresponds to the code, why
 * nothing is lost by what is left out, and what was found.
 *
 * Whatever a timer could do may happen at any moment or never; a packet arrives, late, or never. So a
 * crash is a processor that takes no further step, a partition is packets that never arrive, and what
 * holds here holds for any number of both. Gather is left to chance as well: whoever is in it may
 * agree with whomever else is in it.
 *
 * Checked: agreement on configurations, virtual synchrony and the promises of safe delivery (P6, P15
 * to P19 of the checker). -DMUTANT_... makes one deliberate mistake, each of which must be found.
 */
#define N 3
#define EVERYBODY 7
#define SLOTS 3 /* attempts that somebody takes part in: a processor takes part in one at a time */
#define NONE SLOTS
#define BIT(p) (1 << (p))
#define HAS(set, p) (((set) >> (p)) & 1)

/* The broken ring's messages: #1, agreed, of processor 0; #2, safe, of processor 1. As sets. */
#define FIRST 1
#define SECOND 2

/* -- a processor */
mtype = { gather, recovering, done };
bit broken;                /* the start has been chosen */
mtype phase[N] = gather;
byte attempt[N] = NONE;    /* the one that it takes part in */
byte held[N];              /* messages received */
byte in_regular[N];        /* delivered before the ring broke; #2 only if known to be safe (Lemma S) */
bit  obliged[N];           /* to deliver the messages of processor 1 like its own: only its #2 can stand
                              behind a hole, so what is owed to others decides nothing */

/* -- once it has installed a new ring */
byte delivered_regular[N]; /* in the broken ring's regular configuration */
byte delivered_late[N];    /* in the transitional one */
byte companions[N];        /* the transitional configuration; 0: not installed yet */
byte number[N];            /* which ring it was: equal exactly if it is the same one */

/* -- an attempt: the ring that it is about, and the table in its commit token */
typedef Attempt {
    byte members;          /* 0: free */
    byte acknowledged;     /* who holds everything and took the obligation on */
    byte has[N];           /* the entries; what was delivered cannot change any more */
    bit  owes[N];
    bit  installed         /* by somebody */
};
Attempt ring[SLOTS];

/* Scratch: of no meaning between two steps, and hidden from the state. */
hidden byte k, s, r, owed, all_held, heard, sure, regular, late;

#define IS_IN(p, r) (attempt[p] == (r) && phase[p] != done)
#define TAKES_PART(r) (IS_IN(0, r) || IS_IN(1, r) || IS_IN(2, r))
#define IN_GATHER(p) (phase[p] == gather -> BIT(p) : 0)
#define ALL_GATHER(set) (((set) & ~(IN_GATHER(0) | IN_GATHER(1) | IN_GATHER(2))) == 0)

#define MINE ring[attempt[p]]

#ifdef MUTANT_NOT_FROZEN
#define LISTENS(p) (phase[p] != done)
#else
#define LISTENS(p) (phase[p] == gather)
#endif
#ifdef MUTANT_INSTALL_ALONE
#define ALL_ACKNOWLEDGED(p) HAS(MINE.acknowledged, p)
#else
#define ALL_ACKNOWLEDGED(p) (MINE.acknowledged == MINE.members)
#endif

/* The union of what the members wrote. */
inline read_table(r) {
    owed = HAS(ring[r].members, 1); all_held = 0; heard = 0; sure = 0;
    for (k : 0 .. N - 1) {
        if
        :: HAS(ring[r].members, k) ->
            owed = owed | ring[r].owes[k];
            all_held = all_held | ring[r].has[k];
            heard = heard | in_regular[k]
        :: else
        fi
    };
    sure = heard; k = 0 /* what somebody delivered as safe, all were known to hold */
}

inline forget() { owed = 0; all_held = 0; heard = 0; sure = 0 }

/* An attempt that nobody takes part in any more can do nothing. */
inline sweep() {
    for (s : 0 .. SLOTS - 1) {
        if
        :: ring[s].members != 0 && !TAKES_PART(s) ->
            ring[s].members = 0; ring[s].acknowledged = 0;
            ring[s].installed = 0;
            for (k : 0 .. N - 1) {
                ring[s].has[k] = 0; ring[s].owes[k] = 0;
                if
                :: attempt[k] == s -> attempt[k] = NONE
                :: else
                fi
            }
        :: else
        fi
    };
    s = 0; k = 0
}

/* The commit token goes round twice. Each member writes down what it holds and is frozen from then on
   (pitfall 28), then each reads what all have written; before the last one has, nothing that matters
   can happen, so it is as if all did both at once. */
inline agree(set) {
    s = 0;
    do
    :: ring[s].members != 0 -> s++
    :: else -> break
    od;
    ring[s].members = set;
    for (k : 0 .. N - 1) {
        if
        :: HAS(set, k) ->
            phase[k] = recovering; attempt[k] = s;
            ring[s].has[k] = held[k]; ring[s].owes[k] = obliged[k]
        :: else
        fi
    };
    s = 0; k = 0
}

/* Nothing is left to send and all have reported (recovery_unreported, recovery_backlog): p has
   received what its companions hold, wrapped into messages of the new ring. From now on another may
   install, and deliver more than p would on its own. */
inline acknowledge(p) {
    r = attempt[p];
    read_table(r);
#ifdef MUTANT_UNREPORTED_IGNORED
    all_held = ring[r].has[p]; /* nobody else has said yet that it has something to send */
#endif
    held[p] = held[p] | all_held;
    ring[r].acknowledged = ring[r].acknowledged | BIT(p);
#ifndef MUTANT_NO_OBLIGATION
    obliged[p] = owed;
#endif
    r = 0; forget()
}

/* This attempt leads p nowhere: the token is lost, time is up, somebody gathers anew. If p has not
   acknowledged, it leads nobody anywhere. */
inline give_up(p) {
    r = attempt[p];
    phase[p] = gather; attempt[p] = NONE;
#ifndef MUTANT_INSTALL_ALONE
    if
    :: !HAS(ring[r].acknowledged, p) ->
        for (k : 0 .. N - 1) {
            if
            :: attempt[k] == r -> phase[k] = gather; attempt[k] = NONE
            :: else
            fi
        }
    :: else
    fi;
#endif
    r = 0; k = 0;
    sweep()
}

/* Phases 1 and 3 of 5.8. */
inline end_the_ring(p, r) {
    read_table(r);
#ifdef MUTANT_PHASE1_IGNORES_S
    sure = FIRST | SECOND;
#endif
    regular = in_regular[p]; late = 0;
    if
    :: held[p] & FIRST ->
        regular = regular | FIRST;
        if
        :: (held[p] & SECOND) && (sure & SECOND) -> regular = regular | SECOND
        :: else
        fi
    :: else
    fi;
    assert((heard & ~regular) == 0); /* H: what one of us delivered, all of us have */
    if
    :: (held[p] & FIRST) && !(regular & FIRST) -> late = late | FIRST
    :: else
    fi;
    if
    :: (held[p] & SECOND) && !(regular & SECOND) ->
        if
#ifndef MUTANT_NO_DISCARD
        :: !(held[p] & FIRST) && !owed -> skip /* behind a hole: may depend on what is lost */
#endif
        :: (held[p] & FIRST) || owed -> late = late | SECOND
#ifdef MUTANT_NO_DISCARD
        :: !(held[p] & FIRST) && !owed -> late = late | SECOND
#endif
        fi
    :: else
    fi
}

/* What must be true of what p has just delivered, and of all who did so before. */
inline judge(p) {
    assert(HAS(companions[p], p)); /* P6: we are in our configurations */
    assert(p != 0 || ((regular | late) & FIRST));  /* P16: our own messages are delivered */
    assert(p != 1 || ((regular | late) & SECOND));
    /* P15: behind a hole there is nothing that might depend on it, unless its sender is with us */
    assert(!((regular | late) & SECOND) || ((regular | late) & FIRST) || owed);
    /* and what a companion sent is no hole */
    assert(!((regular | late) & SECOND) || ((regular | late) & FIRST) || !HAS(companions[p], 0));
    for (k : 0 .. N - 1) {
        if
        :: k != p && companions[k] != 0 && number[k] == number[p] ->
            /* agreement on configurations, and P17, virtual synchrony */
            assert(companions[k] == companions[p]);
            assert(delivered_regular[k] == regular && delivered_late[k] == late)
        :: k != p && companions[k] != 0 && number[k] != number[p] ->
            /* P18: delivered as safe in the regular configuration: all of its members deliver it */
            assert(!(delivered_regular[k] & SECOND) || ((regular | late) & SECOND));
            assert(!(regular & SECOND) || ((delivered_regular[k] | delivered_late[k]) & SECOND));
            /* P19: delivered as safe in a transitional one: all of its members deliver it */
            assert(!(delivered_late[k] & SECOND) || !HAS(companions[k], p) || ((regular | late) & SECOND));
            assert(!(late & SECOND) || !HAS(companions[p], k) ||
                   ((delivered_regular[k] | delivered_late[k]) & SECOND))
        :: else
        fi
    };
    k = 0
}

/* Rings are named by the lowest number that is free: only who has which is of interest. */
inline name_ring(p, r) {
    number[p] = 1;
    if
    :: ring[r].installed ->
        for (k : 0 .. N - 1) {
            if
            :: k != p && companions[k] != 0 && attempt[k] == r -> number[p] = number[k]
            :: else
            fi
        }
    :: else ->
        for (k : 0 .. N - 1) {
            if
            :: k != p && companions[k] != 0 && number[k] >= number[p] -> number[p] = number[k] + 1
            :: else
            fi
        }
    fi;
    k = 0
}

inline install(p, r) {
    end_the_ring(p, r);
    name_ring(p, r);
    companions[p] = ring[r].members; ring[r].installed = 1;
#ifdef MUTANT_MEMBERS_NOT_COMPARED
    if /* 0 had given 2 up, and did not look whom the commit token names */
    :: p == 0 -> companions[p] = companions[p] & ~4
    :: else
    fi;
#endif
    judge(p);
    delivered_regular[p] = regular; delivered_late[p] = late;
    phase[p] = done; obliged[p] = 0;
    sweep();
    regular = 0; late = 0; forget()
}

/* Everything that a processor may do, one thing at a time. */
active [N] proctype processor() {
#define p _pid
    broken;
end:
    do
    /* a packet of the broken ring arrives late; from the commit entry on it is frozen */
    :: d_step { LISTENS(p) && !(held[p] & FIRST) -> held[p] = held[p] | FIRST }
    :: d_step { LISTENS(p) && !(held[p] & SECOND) -> held[p] = held[p] | SECOND }

    /* p and others of Gather agree on a ring, p being the lowest of it */
    :: d_step { ALL_GATHER(BIT(p)) -> agree(BIT(p)) }
    :: d_step { p < 2 && ALL_GATHER(BIT(p) | BIT(p + 1)) -> agree(BIT(p) | BIT(p + 1)) }
    :: d_step { p == 0 && ALL_GATHER(5) -> agree(5) }
    :: d_step { p == 0 && ALL_GATHER(7) -> agree(7) }

    :: d_step { phase[p] == recovering && !HAS(MINE.acknowledged, p) -> acknowledge(p) }

    /* two visits of the token told that all have (Lemma R) */
    :: d_step { phase[p] == recovering && ALL_ACKNOWLEDGED(p) -> install(p, attempt[p]) }

    :: d_step { phase[p] == recovering -> give_up(p) }
    od
#undef p
}

/* How far the ring had come when it broke. Who had received #1 in time has delivered it; #2 was
   delivered by some or none of them, if all had received it; else it is late like any other packet. */
init {
    atomic {
        held[0] = FIRST; in_regular[0] = FIRST;
        held[1] = SECOND;
        if
        :: held[1] = FIRST | SECOND; in_regular[1] = FIRST
        :: true
        fi;
        if
        :: held[2] = FIRST; in_regular[2] = FIRST
        :: true
        fi;
        if
        :: (held[1] & FIRST) && (held[2] & FIRST) ->
            held[0] = FIRST | SECOND; held[2] = FIRST | SECOND;
            if
            :: in_regular[0] = FIRST | SECOND
            :: true
            fi;
            if
            :: in_regular[1] = FIRST | SECOND
            :: true
            fi;
            if
            :: in_regular[2] = FIRST | SECOND
            :: true
            fi
        :: true
        fi;
        broken = 1
    }
}
