// Denial
//
// Why the guard of a route does not let a request or an answer pass.

export interface Denial {
  readonly kind: 'denied'
  readonly message: string
}

export function denied(message: string): Denial {
  return { kind: 'denied', message }
}
