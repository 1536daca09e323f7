// Sends a mutation again until its outcome is known. With its key it is carried out once.
import {randomUUID} from 'node:crypto'
import {setTimeout as pause} from 'node:timers/promises'

type Extensions = {code: string; retryable?: boolean; retryAfterMs?: number}
type Input = {idempotencyKey?: string; [field: string]: unknown}
type Answer = {data?: any; errors?: {path?: unknown[]; extensions: Extensions}[]}

const AGAIN = ['CONFLICT', 'TIMEOUT', 'SERVICE_UNAVAILABLE', 'OUTCOME_UNKNOWN']

/** `send` resolves to the response, or rejects where there is none. */
export async function write(send: (input: any) => Promise<Answer>, input: Input, tries = 5): Promise<Answer> {
  const keyed = {...input, idempotencyKey: input.idempotencyKey ?? randomUUID()}
  for (let attempt = 0; attempt < tries; attempt++) {
    const answer = await send(keyed).catch(() => null)
    // Errors below the mutation, with a longer path, mean that it was carried out.
    const failed = answer?.errors?.find(({path}) => !path || path.length < 2)?.extensions
    if (answer && !(failed && (failed.retryable || AGAIN.includes(failed.code)))) return answer
    await pause(Math.max(failed?.retryAfterMs ?? 0, 100 * 2 ** attempt * (0.5 + Math.random() / 2)))
  }
  throw new Error(`Outcome unknown. Send the same input again with the key ${keyed.idempotencyKey}.`)
}
