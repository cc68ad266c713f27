"""The page of a correlation as a browser makes it: what is chosen, sorted and filtered stands in the
address; nothing is complained of, and no name is taken for markup."""
import random
import re
import unittest

import browser

NAME = "<script>alert(1)</script>:time"


def metrics():
    """A total that is SQL and what else there is; 30 series that have nothing to do with it."""
    numbers = random.Random(20181105)
    names = ["total", "SQL:layer", "View:layer", NAME] + [f"view_{i:02}:throughput" for i in range(29)]
    lines = ["time," + ",".join(names)]
    for minute in range(400):
        sql, view = numbers.gauss(40, 6) + 80 * (200 <= minute < 340), numbers.gauss(20, 3)
        values = [sql + view, sql, view] + [numbers.gauss(9, 1) for _ in range(30)]
        at = f"2018-11-05 {16 + minute // 60:02}:{minute % 60:02}"
        lines.append(at + "," + ",".join(f"{v:.3f}" for v in values))
    return "\n".join(lines) + "\n"


class Page(browser.Case):
    def setUp(self):
        super().setUp()
        self.write("metrics.csv", metrics())
        self.run_culprit("correlate", "metrics.csv", "--target", "total", "--max-lag", 1, "--during",
                         "19:20..21:40", "--html", "page.html")

    def rows(self, document):
        """The names in the table, from the top, as far as they are in view."""
        names = re.findall(r'class="c-name" title="([^"]*)"', document)
        return [name.replace("&lt;", "<").replace("&gt;", ">") for name in names]

    def test_what_stands_in_the_address(self):
        page = self.look("page.html", "")
        self.assertEqual(self.rows(page)[:2], ["SQL:layer", "View:layer"])
        self.assertIn("32 of 32", page)
        self.assertRegex(page, r'<figure class="course chosen" data-series="1">')
        self.assertEqual(len(re.findall(r'<div class="detail" data-series="1">', page)), 1)
        self.assertEqual(len(re.findall(r'<div class="detail" data-series="2" hidden="">', page)), 1)
        page = self.look("page.html", "o=name&d=down&q=view_&s=4&view=changes")
        rows = self.rows(page)
        self.assertEqual(rows, sorted(rows, reverse=True))
        self.assertIn("29 of 32", page)
        self.assertIn("<h3>view_00:throughput</h3>", page)
        self.assertRegex(page, r'class="courses" id="courses" data-view="changes"')
        page = self.look("page.html", "found=1&s=nonsense&o=nonsense&f=nonsense")
        self.assertEqual(self.rows(page), ["SQL:layer", "View:layer"])

    def test_names_are_text(self):
        page = self.look("page.html", "q=script")
        self.assertEqual(self.rows(page), [NAME])
        # page.js, the data, the page's own
        self.assertEqual(page.count("<script"), 3)


if __name__ == "__main__":
    unittest.main()
