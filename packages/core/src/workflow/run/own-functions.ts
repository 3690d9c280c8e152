// Own functions
//
// Tutti's own tasks, called as functions named `tutti.…`. Those listed here are worked out by the machine.

import type { Body } from './stage.ts'

export const ownFunctions: Readonly<Record<string, Body>> = {}

/** All of Tutti's own functions; those that the machine does not work out are asked of the engine. */
export const ownNames: readonly string[] = Object.keys(ownFunctions)
