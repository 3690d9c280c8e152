// Complaining
//
// What may fail many times for one reason, such as a full disk, and is logged once for it.

import { messageOf } from './failure.ts'

/** Tells each reason why it failed once, until it goes well again. */
export function complaining<Asked, Answer>(
  act: (asked: Asked) => Promise<Answer>,
  tell: (reason: string, asked: Asked) => void,
): (asked: Asked) => Promise<Answer> {
  let told = ''
  return async (asked) => {
    try {
      const answer = await act(asked)
      told = ''
      return answer
    } catch (error) {
      const reason = messageOf(error)
      if (reason !== told) tell(reason, asked)
      told = reason
      throw error
    }
  }
}
