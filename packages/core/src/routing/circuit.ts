// Circuit
//
// Whether an endpoint may be asked: closed (yes), open (not before a moment), half-open (one tries), recovering (the one
// that tries is being answered: yes). After `failuresMax` failures in a row it opens, for longer each time; one success
// closes it.
//
// Invariants:
//   C1. An open circuit lets nobody through before its time, and then exactly one at a time.
//   C2. One success closes it, whatever came before.
//   C3. An answer that goes on for minutes keeps nobody else from an endpoint that gives it.

export type Circuit =
  | { readonly phase: 'closed'; readonly failures: number }
  | { readonly phase: 'open'; readonly untilMs: number; readonly opened: number }
  | { readonly phase: 'half-open'; readonly opened: number }
  | { readonly phase: 'recovering'; readonly opened: number }

export const circuitStart: Circuit = { phase: 'closed', failures: 0 }

const failuresMax = 3 // one is chance, two may be; a third in a row is the endpoint
const openMsMin = 500
const openMsMax = 15_000 // who recovers is asked again within half a minute, whatever came before

/** True where a request may go through now. */
export function mayPass(circuit: Circuit, nowMs: number): boolean {
  switch (circuit.phase) {
    case 'closed':
      return true
    case 'open':
      return nowMs >= circuit.untilMs // C1
    case 'half-open':
      return false // C1: somebody is trying
    case 'recovering':
      return true // C3
  }
}

/** The circuit once a request that `mayPass` let through is on its way. */
export function circuitAfterStart(circuit: Circuit): Circuit {
  return circuit.phase === 'open' ? { phase: 'half-open', opened: circuit.opened } : circuit
}

/** The circuit once an endpoint has begun to answer: it may still break off. */
export function circuitAfterBeginning(circuit: Circuit): Circuit {
  return circuit.phase === 'half-open' ? { phase: 'recovering', opened: circuit.opened } : circuit
}

/** The circuit after an endpoint has answered well. */
export function circuitAfterSuccess(): Circuit {
  return circuitStart // C2
}

/** The circuit after an endpoint has failed. */
export function circuitAfterFailure(circuit: Circuit, nowMs: number): Circuit {
  if (circuit.phase === 'closed' && circuit.failures + 1 < failuresMax) {
    return { phase: 'closed', failures: circuit.failures + 1 }
  }
  if (circuit.phase === 'open') return circuit // it was on its way before the circuit opened
  const opened = circuit.phase === 'closed' ? 1 : circuit.opened + 1
  const pauseMs = Math.min(openMsMax, openMsMin * 2 ** Math.min(10, opened - 1))
  return { phase: 'open', untilMs: nowMs + pauseMs, opened }
}
