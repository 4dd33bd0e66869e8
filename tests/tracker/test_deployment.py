"""What docs/deployment.md tells people to write agrees with the limits in force, and its pages stand on their own."""

import re
from pathlib import Path

import pytest
from django.conf import settings

from applications.uploadhandlers import longest_body
from tracker.logs import PERSONAL_ADDRESSES

CHECKOUT = Path(__file__).resolve().parent.parent.parent
GUIDE = (CHECKOUT / "docs" / "deployment.md").read_text()
PAGES = sorted((CHECKOUT / "static" / "error-pages").glob("*.html"))


def test_the_proxy_takes_more_than_we_do_so_that_it_never_answers_in_our_place():
    [megabytes] = re.findall(r"client_max_body_size (\d+)m;", GUIDE)

    assert int(megabytes) * settings.MEGABYTE > longest_body() + settings.DATA_UPLOAD_MAX_MEMORY_SIZE


def test_the_limit_that_the_guide_names_is_ours():
    assert f"limit of {longest_body() // settings.MEGABYTE} MB" in GUIDE
    assert f"{settings.PIECE_BYTES // 1024} kB" in GUIDE


def test_every_page_that_the_proxy_shows_is_there_and_every_page_is_shown():
    assert sorted(set(re.findall(r"/error-pages/([\w-]+\.html)", GUIDE))) == [page.name for page in PAGES]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_of_the_proxy_speaks_both_languages_and_asks_us_for_nothing(page):
    content = page.read_text()

    assert '<html lang="en">' in content
    assert '<section lang="de">' in content
    assert re.findall(r'(?:src|href)="([^"]+)"', content) == ["/error-pages/page.css", "/", "/"]
    assert not re.search(r"<script|<style|\sstyle=|\son\w+=", content)
    assert (page.parent / "page.css").is_file()


@pytest.mark.parametrize("folder", [address.strip("/") for address in PERSONAL_ADDRESSES])
def test_addresses_as_good_as_a_password_stay_out_of_the_proxy_s_logs(folder):
    [quiet] = re.findall(r"location ~ \^/\(([^)]+)\)/ \{\s+access_log off;\s+error_log  /dev/null crit;", GUIDE)

    assert folder in quiet.split("|")


def test_the_proxy_speaks_no_outdated_tls():
    assert re.findall(r"ssl_protocols +([^;]+);", GUIDE) == ["TLSv1.2 TLSv1.3"]
