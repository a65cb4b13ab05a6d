"""How the tests here are told: unittest's cases, and with each failure the ends of the daemons' logs.

A test program ends with story.main(); its first argument is the directory of the programs under test, and
further ones are unittest's (names of cases, -v)."""

import signal
import sys
import time
import unittest

from cluster import Cluster, token_loss


class Story(unittest.TestCase):
    """Cases that share one cluster, which is there and healthy before each of them."""

    nodes, sealed, token_loss, tunables = 3, True, token_loss, None
    cluster = None

    @classmethod
    def setUpClass(cls):
        cls.cluster = Cluster(cls.nodes, cls.sealed, cls.token_loss)
        cls.addClassCleanup(cls.cluster.destroy)
        for node in cls.cluster:
            node.configure(tunables=cls.tunables)
        try:
            cls.cluster.start()
        except BaseException:
            print(cls.cluster.tails(), file=sys.stderr)
            raise

    def setUp(self):
        for node in self.cluster:
            if node.process is None:
                node.start()
        self.cluster.wait_ok()


class _Result(unittest.TextTestResult):
    """Tells how long each case took, and what the daemons wrote before they are gone."""

    def startTest(self, test):
        self.began = time.monotonic()
        super().startTest(test)

    def addSuccess(self, test):
        self.stream.write(f"{time.monotonic() - self.began:.1f} s ")
        super().addSuccess(test)

    def addError(self, test, err):
        self._tell(test)
        super().addError(test, err)

    def addFailure(self, test, err):
        self._tell(test)
        super().addFailure(test, err)

    def addSubTest(self, test, subtest, err):
        if err is not None:
            self._tell(test)
        super().addSubTest(test, subtest, err)

    def _tell(self, test):
        cluster = getattr(test, "cluster", None)
        if cluster is not None:
            self.stream.write(f"\nFAILED: {test}\n{cluster.tails()}\n")
            self.stream.flush()


def main():
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as ^C does, it ends the tests and cleans up
    runner = unittest.TextTestRunner(resultclass=_Result, verbosity=2)
    unittest.main(argv=[sys.argv[0], *sys.argv[2:]], testRunner=runner)
