"""Send one signed webhook, as https://www.standardwebhooks.com specifies."""

import json
from datetime import UTC, datetime

import httpx
from standardwebhooks import Webhook

from ..schemas import Job
from .hosts import resolve
from .settings import DeliverySettings


class Sender:
    """Signs with each secret of CALLBACK_SECRET_FILE. As an async context manager, it closes its connections."""

    def __init__(self, settings: DeliverySettings) -> None:
        if settings.callback_secret_file is None:
            raise SystemExit("wrong settings: CALLBACK_SECRET_FILE: must name a file with whsec_ and base64")
        self._settings = settings
        self._webhooks = [Webhook(secret) for secret in settings.callback_secret_file.read_text().split()]
        # Without the environment's proxies, and without redirects: both would bypass the checked address.
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=0)
        self._client = httpx.AsyncClient(trust_env=False, timeout=settings.callback_timeout, limits=limits)

    async def __aenter__(self) -> "Sender":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.aclose()

    async def send(self, url: httpx.URL, job: Job) -> int:
        """Send the job's end to the checked address of the URL's host; return the status of the answer.

        Raises:
            Refused: the address is not public.
            OSError, httpx.HTTPError: there was no answer.
        """
        address = await resolve(url, self._settings)
        data = job.model_dump(mode="json", exclude_none=True)
        body = json.dumps({"type": f"job.{job.status}", "timestamp": data["finished_at"], "data": data})
        now = datetime.now(UTC)
        headers = {
            "host": url.netloc.decode(),
            "content-type": "application/json",
            "webhook-id": f"msg_{job.job_id}",  # the same at each attempt, and an end never changes
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": " ".join(each.sign(f"msg_{job.job_id}", now, body) for each in self._webhooks),
        }
        extensions = {"sni_hostname": url.host}
        request = self._client.build_request(
            "POST", url.copy_with(host=address), content=body, headers=headers, extensions=extensions
        )
        answer = await self._client.send(request, stream=True)  # its body may be endless, and nobody reads it
        await answer.aclose()
        return answer.status_code
