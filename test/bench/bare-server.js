// The floor of alert intake: fastify with the gateway's own validation, and nothing behind it.
'use strict';
const fastify = require('fastify');
const { notificationSchema } = require('../../dist/client/gateway/alertmanager.js');
const { validate } = require('../../dist/client/gateway/validation.js');

const app = fastify({ bodyLimit: 5 * 2 ** 20 });
app.setValidatorCompiler(validate);
app.post('/hooks/alertmanager', { schema: { body: notificationSchema } }, ({ body }) => ({
  received: body.alerts.length,
}));
void app.listen({ host: '127.0.0.1', port: 0 }).then((url) => process.send({ url }));
process.on('disconnect', () => process.exit());
