-- Two roles for the decision store: the owner of the schema, and the application, which may add to what happened and
-- never change it. Run it as the owner, in Shoal's database, after every `shoal migrate`; again does no harm.
-- Give the role its password by \password shoal_app.
DO $$
DECLARE
    name text;
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'shoal_app') THEN
        CREATE ROLE shoal_app LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION;
    END IF;
    REVOKE CREATE ON SCHEMA public FROM PUBLIC;
    GRANT USAGE ON SCHEMA public TO shoal_app;
    FOR name IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' LOOP
        EXECUTE format('REVOKE ALL ON public.%I FROM shoal_app', name);
        EXECUTE format('GRANT SELECT ON public.%I TO shoal_app', name);
        IF name <> 'alembic_version' THEN
            EXECUTE format('GRANT INSERT ON public.%I TO shoal_app', name);
        END IF;
        IF name <> 'alembic_version' AND NOT EXISTS (
            SELECT FROM pg_trigger
            WHERE tgrelid = format('public.%I', name)::regclass AND tgname = name || '_append_only'
        ) THEN
            EXECUTE format('GRANT UPDATE, DELETE ON public.%I TO shoal_app', name);
        END IF;
    END LOOP;
    GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO shoal_app;
END
$$;
