"""The pages of signing in, all below /admin/. Each takes the admin site, whose frame they have."""
