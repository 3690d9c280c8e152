// HTTP date
//
// The Date of answers, written once a second.

let text = ''
let second = -1

export function httpDate(): string {
  const nowMs = Date.now()
  const now = Math.floor(nowMs / 1_000)
  if (now !== second) {
    second = now
    text = new Date(nowMs).toUTCString()
  }
  return text
}
