import { EventEmitter } from 'node:events';
import { describe, expect, it } from '@jest/globals';
import { AnswersDue } from './answers-due.js';

class Response extends EventEmitter {
  headersSent = false;

  close(): void {
    this.headersSent = true;
    this.emit('close');
  }
}

const whole = { complete: true };
const inItsBody = { complete: false };

describe('broken bytes', () => {
  it('are answered on a connection that has brought nothing else', () => {
    expect(new AnswersDue().mayAnswerBrokenBytes).toBe(true);
  });

  it('behind requests are answered once all of those were', () => {
    const answers = new AnswersDue();
    const [first, second] = [new Response(), new Response()];
    answers.began(whole, first);
    answers.began(whole, second);
    expect(answers.mayAnswerBrokenBytes).toBe(false);
    first.close();
    let ended = 0;
    answers.onceAllGiven(() => (ended += 1));
    expect([answers.mayAnswerBrokenBytes, ended]).toEqual([false, 0]);
    second.close();
    expect([answers.mayAnswerBrokenBytes, ended]).toEqual([true, 1]);
  });

  it('in the body of a request are answered as long as it was not', () => {
    const answers = new AnswersDue();
    const response = new Response();
    answers.began(inItsBody, response);
    expect(answers.mayAnswerBrokenBytes).toBe(true);
    response.headersSent = true;
    expect(answers.mayAnswerBrokenBytes).toBe(false);
    response.close();
    expect(answers.mayAnswerBrokenBytes).toBe(false);
    let ended = 0;
    answers.onceAllGiven(() => (ended += 1));
    expect(ended).toBe(1);
  });

  it('in the body of a request are not answered while an earlier one waits for its answer', () => {
    const answers = new AnswersDue();
    const first = new Response();
    answers.began(whole, first);
    answers.began(inItsBody, new Response());
    expect(answers.mayAnswerBrokenBytes).toBe(false);
    first.close();
    expect(answers.mayAnswerBrokenBytes).toBe(true);
  });
});
