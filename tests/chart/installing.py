"""An API server with the Gateway API's CRDs; helm and kubectl for it."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess

import pytest
import yaml

from agw.kube import Client
from tests.chart.helm import CHART, RELEASE, helm
from tests.controller.cluster import install


class Server:
    """See the module."""

    def __init__(self, kubeconfig):
        self.kubeconfig = kubeconfig

    def helm(self, *arguments, code=0):
        return helm(*arguments, code=code, kubeconfig=self.kubeconfig)

    def install(self, release=RELEASE, namespace=RELEASE, *arguments, code=0):
        return self.helm("install", release, CHART, "-n", namespace, "--create-namespace", *arguments, code=code)

    def kubectl(self, *arguments, body="", code=0):
        program = shutil.which("kubectl", path=os.environ.get("KUBEBUILDER_ASSETS", "")) or shutil.which("kubectl")
        if not program:
            pytest.skip("THE CHART IS NOT TRIED: there is no kubectl in PATH or in the folder of KUBEBUILDER_ASSETS")
        command = [program, f"--kubeconfig={self.kubeconfig}", *arguments]
        done = subprocess.run(command, input=body, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    def namespace(self, *names):
        for name in names:
            body = yaml.safe_dump({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
            self.kubectl("apply", "-f", "-", body=body)

    @classmethod
    def on(cls, apiserver):
        """One that has the CRDs."""

        async def crds():
            async with Client.find(str(apiserver.kubeconfig), manager="tests") as client:
                await install(client)

        asyncio.run(crds())
        return cls(apiserver.kubeconfig)

    def uninstall(self):
        """Take every release away."""
        for line in self.helm("list", "-A", "--no-headers", "-a").splitlines():
            release, namespace = line.split()[:2]
            self.helm("uninstall", release, "-n", namespace)
