from django.db import models


class Note(models.Model):
    title = models.CharField(max_length=80)
    text = models.TextField(blank=True)
    changed = models.DateTimeField(auto_now=True)

    def __str__(self):
        return self.title
