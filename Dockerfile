# The command `dream` on the CPU; with --target jupyter, JupyterLab and the notebook.
# How to build and use them: docs/containers.md. For NVIDIA GPUs: Dockerfile.cuda, on top of these.
ARG PYTHON=python:3.12-slim-bookworm

FROM ${PYTHON} AS build
WORKDIR /source
# Without pip of its own, which nothing needs later. The base image's installs into it.
RUN python3 -m venv --without-pip /opt/dream
COPY . .
# What pyproject.toml asks for, but for ONNX Runtime's wheel with CUDA: it has 270 MB that a CPU has
# no use for.
RUN pip --python /opt/dream/bin/python install --no-cache-dir -c constraints.txt \
    filelock numpy onnxruntime pillow platformdirs rich typer \
    && pip --python /opt/dream/bin/python install --no-cache-dir --no-deps .

FROM build AS build-jupyter
ARG JUPYTERLAB=4.6.6
RUN pip --python /opt/dream/bin/python install --no-cache-dir -c constraints.txt \
    ipykernel nbclient jupyterlab==${JUPYTERLAB}

FROM ${PYTHON} AS runtime
LABEL org.opencontainers.image.title="ort-deepdream" \
    org.opencontainers.image.description="DeepDream through ONNX Runtime" \
    org.opencontainers.image.source="https://github.com/ort-deepdream/ort-deepdream" \
    org.opencontainers.image.documentation="https://ort-deepdream.github.io/ort-deepdream/containers.html" \
    org.opencontainers.image.licenses="MIT"
# Any user may be given with --user: whose pictures they are. So no folder here is one user's own.
RUN mkdir -m 1777 /cache /pictures
ENV PATH=/opt/dream/bin:$PATH \
    HOME=/tmp \
    ORT_DEEPDREAM_CACHE=/cache \
    PYTHONDONTWRITEBYTECODE=1
VOLUME ["/cache", "/pictures"]

FROM runtime AS jupyter
COPY --from=build-jupyter /opt/dream /opt/dream
RUN mkdir -m 1777 /notebooks /notebooks/docs /notebooks/examples
# In octal: Debian 12's Buildah and Podman read no letters.
COPY --chmod=666 docs/deepdream.ipynb /notebooks/docs/
COPY --chmod=666 examples/cat.jpg /notebooks/examples/
WORKDIR /notebooks
VOLUME ["/notebooks"]
EXPOSE 8888
USER 1000:1000
CMD ["jupyter", "lab", "--ip=0.0.0.0", "--port=8888", "--no-browser"]

# The last stage is what is built unless another is asked for.
FROM runtime AS dream
COPY --from=build /opt/dream /opt/dream
WORKDIR /pictures
USER 1000:1000
ENTRYPOINT ["dream"]
CMD ["--help"]
