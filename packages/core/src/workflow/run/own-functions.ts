// Own functions
//
// Tutti's own tasks, called as functions named `tutti.…`. Those listed here are worked out by the machine.

import type { Body } from './stage.ts'

export const ownFunctions: Readonly<Record<string, Body>> = {}

/** All of Tutti's own functions; the engine is asked for those that the machine lacks. */
export const ownNames: readonly string[] = Object.keys(ownFunctions)
