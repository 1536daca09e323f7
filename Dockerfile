FROM node:24-slim AS graphiql
WORKDIR /graphiql
COPY graph/graphiql/.npmrc graph/graphiql/package.json graph/graphiql/package-lock.json ./
RUN npm ci
COPY graph/graphiql ./
RUN npm run build

FROM python:3.11-slim AS builder
WORKDIR /build
RUN python -m venv /venv
COPY pyproject.toml hatch_build.py constraints.txt README.md LICENSE ./
COPY db db
COPY graph graph
COPY --from=graphiql /graphiql/dist graph/graphiql/dist
RUN --mount=type=cache,target=/pip-cache \
    PIP_CACHE_DIR=/pip-cache /venv/bin/pip install --constraint constraints.txt ".[asyncmy]"

FROM python:3.11-slim
RUN useradd --uid 10001 --create-home tidegraph
COPY --from=builder /venv /venv
ENV PATH="/venv/bin:$PATH" PYTHONUNBUFFERED=1
# A number, so that an orchestrator can see for itself that it is not root.
USER 10001
WORKDIR /home/tidegraph
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s CMD ["python", "-c", \
    "from urllib.request import urlopen; urlopen('http://127.0.0.1:8000/livez', timeout=2)"]
ENTRYPOINT ["tidegraph"]
# It refuses to start like this without authentication or --insecure: that is for whoever runs it.
CMD ["serve", "--host", "0.0.0.0", "--port", "8000"]
