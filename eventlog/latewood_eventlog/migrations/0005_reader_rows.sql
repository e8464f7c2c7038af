-- What a reader may see is a filter and no condition of an index: as one it was taken for ten looks, of which servers up
-- to 16 made their plans, so that a reader's questions were answered by scans where their owner's were looked up. It
-- hides no row that its question names, and is told to hide next to none; its list is worked out once for a statement.

DO $$
DECLARE
    own CONSTANT text :=
        'array_position((SELECT string_to_array(current_setting(''latewood.projects'', true), '','')), project) IS NOT NULL';
    policy record;
BEGIN
    FOR policy IN SELECT tablename FROM pg_policies WHERE schemaname = 'latewood' AND policyname = 'reader_own_projects'
    LOOP
        EXECUTE format('ALTER POLICY reader_own_projects ON latewood.%I USING (%s)', policy.tablename, own);
    END LOOP;
END
$$;
