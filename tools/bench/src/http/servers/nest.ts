// A controller on Nest as it comes, over the adapter that the first argument names. Node runs this file as it is and knows no
// decorators, so they are called by hand.

import 'reflect-metadata';
import type { Server } from 'node:http';
import { Body, Controller, HttpCode, Module, Post } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { host } from '../../tcp/peer.ts';
import { type QueryAnswer, type QueryBody, answerQuery, createPool } from './answer-query.ts';
import { tellParent } from './parent.ts';

const pool = createPool();

class SqlController {
  query(body: QueryBody): Promise<QueryAnswer> {
    return answerQuery(pool, body);
  }
}

class AppModule {}

const query = Object.getOwnPropertyDescriptor(SqlController.prototype, 'query') as PropertyDescriptor;
Controller()(SqlController);
Post('sql')(SqlController.prototype, 'query', query);
HttpCode(200)(SqlController.prototype, 'query', query);
Body()(SqlController.prototype, 'query', 0);
Module({ controllers: [SqlController] })(AppModule);

const adapter = process.argv[2] === 'fastify' ? new FastifyAdapter() : new ExpressAdapter();
const app = await NestFactory.create(AppModule, adapter, { logger: ['error', 'warn'] });
await app.listen(0, host);
tellParent((app.getHttpServer() as Server).address());
