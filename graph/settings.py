"""The environment, read in this one place.

Every setting may be given as an environment variable, or as a file of the same name in the folder
that SHOAL_SECRETS_DIR names (how containers hand over secrets). Nothing here has a default that
would be unsafe in production: credentials have none at all.
"""

from __future__ import annotations

import os
from pathlib import Path

from pydantic import AliasChoices, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from graph.errors import InputError


class Settings(BaseSettings):
    """What the environment says. Command-line options win over it."""

    model_config = SettingsConfigDict(env_prefix="SHOAL_", extra="ignore", frozen=True)

    dir: Path = Field(Path("shoal-data"), description="the data folder: log, runs, decisions, Neo4j")
    cache: Path | None = Field(None, description="where Neo4j's jars are kept (default: inside the Python environment)")
    neo4j_uri: str | None = Field(
        None,
        validation_alias=AliasChoices("NEO4J_URI", "SHOAL_NEO4J_URI"),
        description="use this Neo4j instead of starting the embedded one",
    )
    neo4j_username: str = Field(
        "neo4j", validation_alias=AliasChoices("NEO4J_USERNAME", "SHOAL_NEO4J_USERNAME"), description="its user"
    )
    neo4j_password: SecretStr | None = Field(
        None, validation_alias=AliasChoices("NEO4J_PASSWORD", "SHOAL_NEO4J_PASSWORD"), description="its password"
    )
    maven_mirror: str | None = Field(None, description="repository to fetch Neo4j's jars from")
    bolt_port: int = Field(0, ge=0, le=65535, description="embedded Neo4j's Bolt port (0: any free one)")
    http_port: int = Field(0, ge=0, le=65535, description="embedded Neo4j's Browser port (0: any free one)")
    heap_mb: int | None = Field(None, ge=256, description="embedded Neo4j's heap, in MiB (default: by the machine)")
    page_cache_mb: int | None = Field(None, ge=64, description="embedded Neo4j's page cache, in MiB")
    database_url: SecretStr | None = Field(None, description="decision store (default: SQLite in the data folder)")
    api_host: str = Field("127.0.0.1", description="address the API listens on")
    api_port: int = Field(8321, ge=0, le=65535, description="port the API listens on (0: any free one)")
    trusted_proxies: str = Field(
        "", description="comma-separated addresses and networks of proxies whose X-Forwarded-For is believed"
    )
    api_key_max_days: int | None = Field(None, ge=1, le=3650, description="days after which every API key ends")
    oidc_issuer: str | None = Field(
        None, pattern=r"^https:[/]{2}[^\s#?]+$", description="identity provider whose tokens (JWT) people may come with"
    )
    oidc_audience: str | None = Field(None, min_length=1, description="what a token's `aud` must hold")
    oidc_jwks: str | None = Field(
        None, description="https address or file of the provider's keys (default: what its discovery document says)"
    )
    oidc_scopes: Path | None = Field(None, description="file (YAML) that maps values of a claim to scopes")
    oidc_audit_email: bool = Field(
        False, description="whether the audit log says the `email` of a token beside its name"
    )
    rate_reads: str = Field("30000/minute", description="reads a caller may make (`off`: any number)")
    rate_items: str = Field("600000/minute", description="accounts a caller may ask for in batches")
    rate_writes: str = Field("600/minute", description="changes a caller may make")
    rate_failures: str = Field("30/minute", description="wrong credentials that may come from one address")
    rate_storage: SecretStr = Field(
        SecretStr("memory://"), description="where requests are counted: in each process, or redis://HOST for all"
    )
    idempotency_days: int = Field(7, ge=1, le=365, description="days for which an Idempotency-Key is remembered")
    webhook_allow: str = Field(
        "", description="comma-separated hosts and networks inside that webhooks may be sent to, also over http"
    )
    feed_keep_days: int | None = Field(
        None, ge=7, le=3650, description="days after which delivered events leave the feed (default: they stay)"
    )
    log_format: str = Field("console", pattern="^(json|console)$", description="form of log lines: json or console")
    log_level: str = Field("INFO", pattern="^(DEBUG|INFO|WARNING|ERROR)$", description="least level of log lines")
    otlp_endpoint: str | None = Field(
        None, description="collector that traces are sent to, by OTLP over HTTP (default: none)"
    )
    audit_key: Path | None = Field(
        None, description="private key (PEM) that `shoal audit checkpoint` signs with; `shoal audit keygen` makes one"
    )
    policy: Path | None = Field(None, description="policy file (default: the one shipped)")
    show_private: bool = Field(
        False, description="whether `shoal explain --private` may name objects on private ground"
    )
    store_private_text_days: int | None = Field(
        None,
        ge=1,
        le=3650,
        description="keep texts of private messages and group chats for so many days after they were sent "
        "(default: they are never stored); `shoal read-private` shows them and is audited",
    )
    require: str = Field("", description="comma-separated parts the tests must not skip")


def settings() -> Settings:
    """Read the environment as it is now. Raises InputError naming the variable and what it may be."""
    secrets = os.environ.get("SHOAL_SECRETS_DIR")
    try:
        return Settings(_secrets_dir=secrets)
    except ValidationError as error:
        # never the value: it may be a password
        faults = "; ".join(f"{_variable(str(e['loc'][0]))}: {e['msg']}" for e in error.errors(include_input=False))
        raise InputError(f"environment: {faults}") from None


def _variable(name: str) -> str:
    return name if name.isupper() else f"SHOAL_{name.upper()}"
