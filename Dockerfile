# syntax=docker/dockerfile:1

# The dependencies alone, so that a change of the code does not install them again.
FROM node:24.21.0-bookworm-slim AS dependencies
WORKDIR /app
COPY package.json package-lock.json ./
RUN ["npm", "ci", "--omit=dev"]

# Node runs the TypeScript as it stands; there is nothing to build.
FROM node:24.21.0-bookworm-slim
ENV NODE_ENV=production
WORKDIR /app
COPY --from=dependencies /app/node_modules ./node_modules
COPY package.json LICENSE ./
COPY migrations ./migrations
COPY activities ./activities
COPY workflows ./workflows
COPY src ./src
USER node
EXPOSE 3000
CMD ["node", "src/main.ts"]
